//! What to do with one system-call site: a pure function of the bytes around it.
//!
//! Two kinds of sites can be rewritten:
//! - `mov $nr, %eax` right before the `syscall`: a jump takes the place of the `mov`; the `syscall` stays, and still traps
//!   if someone jumps straight to it. These are told by their bytes alone, before they are used ([`movs`]).
//! - Otherwise a jump takes the place of the `syscall` and of the instructions behind it, which move to the trampoline.
//!   Where one of those began, the jump's bytes must not be a valid instruction: then a jump to there faults and can be
//!   sent on (see [`Plan::forbidden`]).

use alloc::vec::Vec;

use iced_x86::{Decoder, DecoderOptions, Instruction, Mnemonic, OpKind};

use super::quick;

/// Bytes of `jmp rel32`.
pub const JUMP: usize = 5;
/// Bytes of `syscall`.
pub const SYSCALL: usize = 2;
/// Bytes of `movabs $constant, %reg` before its constant.
const MOVABS: usize = 2;
/// Bytes before and behind a site that are looked at.
pub const BEFORE: usize = 48;
pub const BEHIND: usize = 32;

/// One-byte opcodes that 64-bit mode does not have, and that are no prefix of anything: they raise #UD whatever follows.
pub const INVALID: [u8; 19] = [
    0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82, 0x9a, 0xce, 0xd4,
    0xd6, 0xea,
];

/// How a moved instruction differs at its new place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fix {
    /// Not at all.
    None,
    /// A 32-bit displacement, `at` bytes into it, relative to its end, names `target`.
    Relative { at: usize, target: u64 },
    /// It is a jump to `target`: conditional (the low bits of its opcode) or not.
    Branch { condition: Option<u8>, target: u64 },
}

/// An instruction that moves to the trampoline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Where it was, from the site's first byte.
    pub at: usize,
    pub bytes: Vec<u8>,
    pub fix: Fix,
    /// Control never goes on behind it.
    pub last: bool,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The jump goes `back` bytes before the `syscall`, over a `mov` of that length that loads the number.
    Mov { back: usize, nr: u32 },
    /// The jump goes over the `syscall` and `len - 2` bytes behind it.
    Move { len: usize, moved: Vec<Moved> },
}

impl Plan {
    /// For the bytes 2, 3 and 4 of the jump: must it be an invalid opcode, because an instruction began there?
    pub fn forbidden(&self) -> [bool; 3] {
        match self {
            Plan::Mov { .. } => [false; 3],
            Plan::Move { moved, .. } => core::array::from_fn(|i| moved.iter().any(|m| m.at == i + SYSCALL)),
        }
    }

    /// Where the jump goes, given the address of the `syscall`.
    pub fn jump_at(&self, site: u64) -> u64 {
        match self {
            Plan::Mov { back, .. } => site - *back as u64,
            Plan::Move { .. } => site,
        }
    }

    /// Bytes that are rewritten.
    pub fn len(&self) -> usize {
        match self {
            Plan::Mov { back, .. } => *back,
            Plan::Move { len, .. } => *len,
        }
    }
}

/// Looks at the site at `site` whose call had number `nr`. `before` ends where the `syscall` begins; `behind` begins
/// where it ends.
pub fn plan(before: &[u8], behind: &[u8], site: u64, nr: u32) -> Option<Plan> {
    plan_mov(before, nr).or_else(|| plan_move(behind, site))
}

/// The number is loaded right before the call. That the loaded constant is the number just used tells a real `mov` from
/// bytes that happen to look like one, except for `mov $nr, %r8d`, whose last five bytes do.
fn plan_mov(before: &[u8], nr: u32) -> Option<Plan> {
    let rest = before.strip_suffix(&nr.to_le_bytes())?;
    if rest.ends_with(&[0x48, 0xc7, 0xc0]) {
        return Some(Plan::Mov { back: 7, nr });
    }
    let rest = rest.strip_suffix(&[0xb8])?;
    let maybe_prefix = rest.last().is_some_and(|b| is_rex(*b));
    (!maybe_prefix || begins_instruction(before, rest.len())).then_some(Plan::Mov { back: 5, nr })
}

/// Other sites in a piece of code that can be rewritten unseen: (offset of the `syscall`, plan). Seven bytes of them are
/// known (`mov $nr, %eax` with a number that exists, `syscall`), so nothing else looks the same by chance. What could look
/// the same on purpose is code that a program is about to write, in the operand of a `movabs`; that, and what has a byte
/// before it that could be a prefix, waits for its own call.
pub fn movs(code: &[u8]) -> impl Iterator<Item = (usize, Plan)> + '_ {
    const NUMBERS: u32 = 512;
    code.windows(JUMP + SYSCALL).enumerate().skip(MOVABS + 1).filter_map(move |(at, bytes)| match *bytes {
        [0xb8, a, b, c, d, 0x0f, 0x05] if !is_rex(code[at - 1]) && !in_movabs(code, at) => {
            let nr = u32::from_le_bytes([a, b, c, d]);
            (nr < NUMBERS).then_some((at + JUMP, Plan::Mov { back: JUMP, nr }))
        }
        _ => None,
    })
}

fn is_rex(byte: u8) -> bool {
    (0x40..=0x4f).contains(&byte)
}

/// True when the seven bytes at `at` may lie in the eight of a `movabs` constant, from its first byte or its second on.
fn in_movabs(code: &[u8], at: usize) -> bool {
    let movabs = |at: usize| (0x48..=0x4f).contains(&code[at]) && (0xb8..=0xbf).contains(&code[at + 1]);
    movabs(at - MOVABS) || movabs(at - MOVABS - 1)
}

/// True when an instruction begins at `at`: decoding from most places before it comes by there. (Decoders that start in
/// the middle of an instruction fall into step after a few.)
fn begins_instruction(code: &[u8], at: usize) -> bool {
    let from = at.saturating_sub(BEFORE);
    let hits = (from..at).filter(|start| {
        let mut decoder = Decoder::new(64, &code[*start..], DecoderOptions::NONE);
        while *start + decoder.position() < at && decoder.can_decode() {
            if decoder.decode().is_invalid() {
                return false;
            }
        }
        *start + decoder.position() == at
    });
    hits.count() * 2 > at - from
}

/// The instructions behind the call move.
fn plan_move(behind: &[u8], site: u64) -> Option<Plan> {
    let mut moved: Vec<Moved> = Vec::new();
    let mut at = 0;
    while SYSCALL + at < JUMP {
        let code = behind.get(at..)?;
        if moved.last().is_some_and(|m| m.last) {
            at += quick::padding(code)?;
            continue;
        }
        let next = match quick::plain(code) {
            Some((len, last)) => {
                Moved { at: at + SYSCALL, bytes: code[..len].to_vec(), fix: Fix::None, last }
            }
            None => decoded(code, site, at)?,
        };
        at += next.bytes.len();
        moved.push(next);
    }
    Some(Plan::Move { len: SYSCALL + at, moved })
}

/// Whatever is not plain, with the full decoder.
fn decoded(code: &[u8], site: u64, at: usize) -> Option<Moved> {
    let mut decoder = Decoder::with_ip(64, code, site + (SYSCALL + at) as u64, DecoderOptions::NONE);
    let insn = decoder.decode();
    if insn.is_invalid() {
        return None;
    }
    movable(&decoder, &insn, at, &code[..insn.len()])
}

fn movable(decoder: &Decoder<'_>, insn: &Instruction, at: usize, bytes: &[u8]) -> Option<Moved> {
    let moved = |fix, last| Some(Moved { at: at + SYSCALL, bytes: bytes.to_vec(), fix, last });
    if insn.op_count() > 0 && insn.op0_kind() == OpKind::NearBranch64 {
        let target = insn.near_branch64();
        return match bytes {
            [op @ 0x70..=0x7f, _] => moved(Fix::Branch { condition: Some(op & 15), target }, false),
            [0x0f, op @ 0x80..=0x8f, ..] => moved(Fix::Branch { condition: Some(op & 15), target }, false),
            [0xeb, _] | [0xe9, ..] => moved(Fix::Branch { condition: None, target }, true),
            // Calls would return to the trampoline; the loop instructions have short forms only.
            _ => None,
        };
    }
    match insn.mnemonic() {
        Mnemonic::Call | Mnemonic::Syscall | Mnemonic::Sysenter | Mnemonic::Int | Mnemonic::Int3 => {
            return None;
        }
        Mnemonic::Ret | Mnemonic::Ud2 | Mnemonic::Hlt | Mnemonic::Jmp => return moved(Fix::None, true),
        _ => {}
    }
    if !insn.is_ip_rel_memory_operand() {
        return moved(Fix::None, false);
    }
    let offsets = decoder.get_constant_offsets(insn);
    // A displacement of other than 32 bits, or relative to eip: rare enough to leave alone.
    let plain = offsets.displacement_size() == 4 && bytes[0] != 0x67;
    let fix = Fix::Relative { at: offsets.displacement_offset(), target: insn.ip_rel_memory_address() };
    if plain { moved(fix, false) } else { None }
}

#[cfg(test)]
mod tests;
