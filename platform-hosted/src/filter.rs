//! The seccomp program: which host calls may leave this process, and from where.
//!
//! A call passes when it comes from the gate, its number is in `protocol::hosted::ALLOWED`, and its arguments are ones
//! that this crate uses. The restorer may only do rt_sigreturn. The vDSO may read clocks that are the same for everyone,
//! for hosts whose vDSO cannot do so by itself. All else traps.

use alloc::vec::Vec;

use abi::nr::*;
use abi::process::{ARCH_SET_FS, CLONE_PARENT, PR_SET_PDEATHSIG};
use abi::signal::SIGCHLD;
use protocol::hosted::{ALLOWED, FD_DOORBELL, FD_SOCKET};

/// `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Insn {
    pub code: u16,
    pub jt: u8,
    pub jf: u8,
    pub k: u32,
}

pub const LD_W_ABS: u16 = 0x20;
pub const JEQ_K: u16 = 0x15;
pub const JGE_K: u16 = 0x35;
pub const JA: u16 = 0x05;
pub const RET_K: u16 = 0x06;

pub const RET_TRAP: u32 = 0x0003_0000;
pub const RET_ALLOW: u32 = 0x7fff_0000;
pub const ARCH_X86_64: u32 = 0xc000_003e;

// Offsets in `struct seccomp_data`.
const NR: u32 = 0;
const ARCH: u32 = 4;
const IP: u32 = 8;
const ARGS: u32 = 16;

/// `CLONE_*` flags of the one kind of clone that a member makes: a process copy that is the monitor's child.
pub const CLONE_FLAGS: u64 = CLONE_PARENT | SIGCHLD as u64;

/// The places that calls may come from.
#[derive(Clone, Copy, Debug)]
pub struct Places {
    /// Behind the gate's `syscall`.
    pub gate: u64,
    /// Behind the restorer's.
    pub restorer: u64,
    /// The vDSO, (start, end).
    pub vdso: Option<(u64, u64)>,
}

/// An argument that must have one of a few values.
#[allow(non_upper_case_globals)] // the numbers have Linux's names
fn rule(nr: usize) -> Option<(u32, &'static [u64])> {
    Some(match nr {
        SYS_write => (0, &[2, FD_DOORBELL as u64]),
        SYS_dup2 => (1, &[FD_SOCKET as u64]),
        SYS_recvmsg => (0, &[FD_SOCKET as u64]),
        SYS_clone => (0, &[CLONE_FLAGS]),
        SYS_prctl => (0, &[PR_SET_PDEATHSIG as u64]),
        SYS_arch_prctl => (0, &[ARCH_SET_FS as u64]),
        SYS_getrusage => (0, &[0]),
        // CLOCK_REALTIME, MONOTONIC, MONOTONIC_RAW, the coarse ones, BOOTTIME, TAI.
        SYS_clock_gettime | SYS_clock_getres => (0, &[0, 1, 4, 5, 6, 7, 11]),
        _ => return None,
    })
}

const fn insn(code: u16, jt: u8, jf: u8, k: u32) -> Insn {
    Insn { code, jt, jf, k }
}

const fn ret(k: u32) -> Insn {
    insn(RET_K, 0, 0, k)
}

/// "If the loaded number is `nr`, then decide": falls through otherwise.
fn emit_call(out: &mut Vec<Insn>, nr: usize) {
    let mut body = Vec::new();
    if let Some((arg, values)) = rule(nr) {
        let at = ARGS + 8 * arg;
        let n = values.len() as u8;
        body.push(insn(LD_W_ABS, 0, 0, at + 4));
        // The upper half must be zero; to the RET_TRAP behind the comparisons if not.
        body.push(insn(JEQ_K, 0, n + 1, 0));
        body.push(insn(LD_W_ABS, 0, 0, at));
        for (i, value) in values.iter().enumerate() {
            body.push(insn(JEQ_K, n - i as u8, 0, *value as u32));
        }
        body.push(ret(RET_TRAP));
    }
    body.push(ret(RET_ALLOW));
    out.push(insn(JEQ_K, 0, body.len() as u8, nr as u32));
    out.extend(body);
}

/// A block that decides for all calls from one place.
fn calls(numbers: impl Iterator<Item = usize>) -> Vec<Insn> {
    let mut out = alloc::vec![insn(LD_W_ABS, 0, 0, NR)];
    for nr in numbers {
        emit_call(&mut out, nr);
    }
    out.push(ret(RET_TRAP));
    out
}

/// "If the instruction pointer is in `lo..hi` (which lie in one 4 GiB block), run `block`": falls through otherwise.
fn emit_place(out: &mut Vec<Insn>, lo: u64, hi: u64, block: &[Insn]) {
    let len = block.len() as u32;
    out.push(insn(LD_W_ABS, 0, 0, IP + 4));
    out.push(insn(JEQ_K, 0, 4, (lo >> 32) as u32));
    out.push(insn(LD_W_ABS, 0, 0, IP));
    out.push(insn(JGE_K, 0, 2, lo as u32));
    out.push(insn(JGE_K, 1, 0, hi as u32));
    out.push(insn(JA, 0, 0, 1));
    out.push(insn(JA, 0, 0, len));
    out.extend_from_slice(block);
}

/// The program. A vDSO that crosses a 4 GiB boundary gets no rights.
pub fn program(places: &Places) -> Vec<Insn> {
    let mut out = alloc::vec![insn(LD_W_ABS, 0, 0, ARCH), insn(JEQ_K, 1, 0, ARCH_X86_64), ret(RET_TRAP)];
    let gate = calls(ALLOWED.iter().map(|c| c.0 as usize).filter(|nr| *nr != SYS_rt_sigreturn));
    emit_place(&mut out, places.gate, places.gate + 1, &gate);
    let restorer = calls([SYS_rt_sigreturn].into_iter());
    emit_place(&mut out, places.restorer, places.restorer + 1, &restorer);
    if let Some((lo, hi)) = places.vdso
        && lo >> 32 == hi >> 32
    {
        let clocks =
            calls([SYS_clock_gettime, SYS_gettimeofday, SYS_time, SYS_clock_getres, SYS_getcpu].into_iter());
        emit_place(&mut out, lo, hi, &clocks);
    }
    out.push(ret(RET_TRAP));
    out
}

#[cfg(test)]
mod tests;
