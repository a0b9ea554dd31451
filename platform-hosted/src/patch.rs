//! Rewriting system-call sites, so that a call enters the kernel by two jumps instead of a host signal.
//!
//! [`site`] decides what can be done, [`trampoline`] makes the code, [`arena`] the room for it; this file remembers the
//! sites and changes the app's memory. The app's code is writable only while a site is being rewritten: no app code runs
//! then. Code that the app can itself write, or that others map, is left alone.

mod arena;
mod quick;
mod site;
mod trampoline;

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU8, Ordering};

use abi::mm::PAGE_SIZE;
use abi::nr::*;
use abi::regs::TrapFrame;
use platform::{CodeSpace, Prot, TRAMPOLINES_LEN};
use platform_x86::percpu;
use platform_x86::usercopy::AppMemory;

use crate::entry::OFF_RESUME;
use crate::{Hosted, entry, memory};
use arena::Arena;
use site::{BEFORE, BEHIND, JUMP, Plan, SYSCALL};
use trampoline::Trampoline;

/// Blocks of trampolines for the same code: a thousand sites each.
const MAX_NEAR: usize = 16;
/// Blocks farther away than this are not tried.
const REACH: usize = 0x7fff_0000;

/// A rewritten site; found by the address of its jump.
struct Site {
    /// Bytes of app code that were rewritten.
    len: usize,
    jump: [u8; JUMP],
    /// The trampoline and its length.
    at: usize,
    size: usize,
    /// Moved instructions: (where they were, from the jump; where they are, from the trampoline).
    moved: Vec<(usize, usize)>,
}

struct Sites {
    sites: BTreeMap<usize, Site>,
    arenas: Vec<Arena>,
}

static SITES: spin::Mutex<Sites> = spin::Mutex::new(Sites { sites: BTreeMap::new(), arenas: Vec::new() });

/// The entry's address, for the trampolines' indirect jump; the kernel's image lies below 2 GiB.
static GATE: unsafe extern "C" fn() = entry::gate_entry;

/// Calls that a program makes once: rewriting their sites would cost more than it saves. The return from a signal handler
/// is among them because the unwinders of C libraries know it by its bytes.
const ONCE: [usize; 9] = [
    SYS_rt_sigreturn,
    SYS_exit,
    SYS_exit_group,
    SYS_execve,
    SYS_execveat,
    SYS_arch_prctl,
    SYS_set_tid_address,
    SYS_set_robust_list,
    SYS_rseq,
];

/// A site is rewritten when it traps for this time: rewriting costs as much as a few traps, and most sites of a
/// short-lived program are used once or twice.
const WARM: u8 = 3;

/// How often sites have trapped, by a hash of their address. Two sites that share a counter get warm sooner.
static SEEN: [AtomicU8; 1024] = [const { AtomicU8::new(0) }; 1024];

/// Counts a trap; true when the site is warm.
fn is_warm(ip: u64) -> bool {
    let seen = &SEEN[(ip ^ ip >> 10) as usize % SEEN.len()];
    let count = seen.load(Ordering::Relaxed).saturating_add(1);
    seen.store(count, Ordering::Relaxed);
    count >= WARM
}

/// See `Machine::patch_site`.
pub fn patch_site(frame: &TrapFrame, space: &mut dyn CodeSpace) {
    if ONCE.contains(&frame.syscall_nr()) || !is_warm(frame.rip) {
        return;
    }
    if let Some(resume) = try_patch(frame, space) {
        let at = percpu::this().frame.get();
        if core::ptr::from_ref(frame) as usize == at {
            // SAFETY: the word belongs to the frame that is being handled; without this its way back would fault once.
            unsafe { ((at + OFF_RESUME) as *mut usize).write(resume) };
        }
    }
}

/// A site about to be rewritten.
struct Pending {
    ip: usize,
    plan: Plan,
    at: usize,
    trampoline: Trampoline,
}

impl Pending {
    /// What to write where in the app's code.
    fn patch(&self) -> Option<(usize, Vec<u8>)> {
        let from = self.plan.jump_at(self.ip as u64) as usize;
        let mut bytes = trampoline::jump(from as u64, self.at as u64)?.to_vec();
        // What is left of a longer instruction is never reached.
        bytes.resize(self.plan.len(), 0x90);
        Some((from, bytes))
    }
}

/// Rewrites the site, and with it all others in its page that are plain; gives the address where its calls resume.
fn try_patch(frame: &TrapFrame, space: &mut dyn CodeSpace) -> Option<usize> {
    let ip = (frame.rip as usize).checked_sub(SYSCALL)?;
    let code = Window::read(ip, space)?;
    let mut sites = SITES.lock();
    let known = [ip, ip - 5, ip - 7].into_iter().find_map(|at| sites.sites.get(&at).map(|site| (at, site)));
    if let Some((at, site)) = known {
        if code.holds(site) {
            return None;
        }
        // The page was thrown away and read again.
        let len = site.len;
        sites.forget(at, len);
    }
    let plan = site::plan(code.before(), code.behind()?, ip as u64, frame.syscall_nr() as u32)?;
    let first = sites.prepare(plan, ip, space)?;
    let resume = if first.trampoline.resume == 0 { ip + SYSCALL } else { first.at + first.trampoline.resume };
    let block = first.at / TRAMPOLINES_LEN;
    let mut pending = alloc::vec![first];
    let (page, bytes) = code.page()?;
    for (at, plan) in site::movs(&bytes[..]) {
        let other = page + at;
        if other == ip || sites.sites.contains_key(&(other - JUMP)) {
            continue;
        }
        match sites.prepare(plan, other, space) {
            Some(more) if more.at / TRAMPOLINES_LEN == block => pending.push(more),
            // All trampolines are written in one go, so they are in one block.
            Some(elsewhere) => sites.release(elsewhere.at, trampoline::size(&elsewhere.plan)),
            None => {}
        }
    }
    sites.commit(pending, space).then_some(resume)
}

/// The bytes around a site.
struct Window {
    bytes: [u8; BEFORE + SYSCALL + BEHIND],
    start: usize,
    ip: usize,
    len: usize,
}

impl Window {
    /// Reads as much as is code of the same kind; `None` if the site may not be rewritten.
    fn read(ip: usize, space: &dyn CodeSpace) -> Option<Self> {
        let may = |addr: usize| {
            let rights = space.private_rights(addr);
            rights.is_some_and(|r| r.contains(Prot::EXEC) && !r.contains(Prot::WRITE))
        };
        if !memory::is_app(ip, SYSCALL) || !may(ip) || !may(ip + SYSCALL - 1) {
            return None;
        }
        let (mut start, mut end) = (ip.saturating_sub(BEFORE), ip + SYSCALL + BEHIND);
        let (first, last) = (ip & !(PAGE_SIZE - 1), (ip + SYSCALL - 1) & !(PAGE_SIZE - 1));
        if start < first && !may(start) {
            start = first;
        }
        if end > last + PAGE_SIZE && !may(end) {
            end = last + PAGE_SIZE;
        }
        let mut window = Self { bytes: [0; BEFORE + SYSCALL + BEHIND], start, ip, len: end - start };
        // SAFETY: the buffer has room for `len` bytes.
        unsafe { Hosted::copy_in(window.bytes.as_mut_ptr(), start, window.len) }.ok()?;
        Some(window)
    }

    fn before(&self) -> &[u8] {
        &self.bytes[..self.ip - self.start]
    }

    /// The bytes behind the `syscall`; `None` if there is none at the site any more.
    fn behind(&self) -> Option<&[u8]> {
        self.bytes[self.ip - self.start..self.len].strip_prefix(&[0x0f, 0x05])
    }

    /// The page of the site's first byte, with its address.
    fn page(&self) -> Option<(usize, Box<[u8; PAGE_SIZE]>)> {
        let start = self.ip & !(PAGE_SIZE - 1);
        let mut bytes = Box::new([0; PAGE_SIZE]);
        // SAFETY: the buffer has room for a page.
        unsafe { Hosted::copy_in(bytes.as_mut_ptr(), start, PAGE_SIZE) }.ok()?;
        Some((start, bytes))
    }

    /// True if the site's jump is still there.
    fn holds(&self, known: &Site) -> bool {
        self.bytes[..self.len].windows(JUMP).any(|bytes| bytes == known.jump)
    }
}

impl Sites {
    /// Finds room for the plan's trampoline.
    fn place(&mut self, plan: &Plan, ip: usize, space: &mut dyn CodeSpace) -> Option<usize> {
        let len = trampoline::size(plan);
        let suits = |at: usize| trampoline::may_be_at(plan, ip as u64, at as u64);
        let near = |arena: &Arena| arena.base.abs_diff(ip) < REACH;
        if let Some(at) = self.arenas.iter_mut().filter(|a| near(a)).find_map(|arena| arena.take(len, suits))
        {
            return Some(at);
        }
        // The last two bytes of a jump are the same for a whole block: more blocks at the same place do not help there.
        let blocks = self.arenas.iter().filter(|arena| near(arena)).count();
        let [_, third, fourth] = plan.forbidden();
        if blocks >= if third || fourth { 1 } else { MAX_NEAR } {
            return None;
        }
        let mut arena = Arena::new(space.trampolines_near(ip)?);
        let at = arena.take(len, suits);
        self.arenas.push(arena);
        at
    }

    /// Finds room for a plan's trampoline and makes it.
    fn prepare(&mut self, plan: Plan, ip: usize, space: &mut dyn CodeSpace) -> Option<Pending> {
        let at = self.place(&plan, ip, space)?;
        let trampoline = trampoline::build(&plan, ip as u64, at as u64, &raw const GATE as u32);
        if trampoline.is_none() {
            self.release(at, trampoline::size(&plan));
        }
        Some(Pending { ip, plan, at, trampoline: trampoline? })
    }

    /// Writes trampolines, all in one block, then jumps, all in one page (the first may begin in the page before).
    fn commit(&mut self, pending: Vec<Pending>, space: &dyn CodeSpace) -> bool {
        let rx = |_| Some(Prot::READ | Prot::EXEC);
        let trampolines: Vec<_> = pending.iter().map(|p| (p.at, &p.trampoline.code[..])).collect();
        let jumps: Vec<_> = pending.iter().filter_map(Pending::patch).collect();
        let code: Vec<_> = jumps.iter().map(|(at, bytes)| (*at, &bytes[..])).collect();
        let done = jumps.len() == pending.len()
            && rewrite(&trampolines, rx)
            && rewrite(&code, |page| space.private_rights(page));
        for (p, (from, bytes)) in pending.into_iter().zip(&jumps) {
            if done {
                let jump = core::array::from_fn(|i| bytes[i]);
                let size = trampoline::size(&p.plan);
                self.sites.insert(
                    *from,
                    Site { len: bytes.len(), jump, at: p.at, size, moved: p.trampoline.moved },
                );
            } else {
                self.release(p.at, trampoline::size(&p.plan));
            }
        }
        done
    }

    fn release(&mut self, at: usize, len: usize) {
        if let Some(arena) = self.arenas.iter_mut().find(|arena| arena.contains(at)) {
            arena.give(at, len);
        }
    }

    fn forget(&mut self, addr: usize, len: usize) {
        let end = addr.saturating_add(len);
        // A site that begins before the range may reach into it.
        let from = addr.saturating_sub(BEHIND);
        while let Some((&start, _)) =
            self.sites.range(from..end).find(|(start, site)| **start + site.len > addr)
        {
            if let Some(site) = self.sites.remove(&start) {
                self.release(site.at, site.size);
            }
        }
        self.arenas.retain(|arena| arena.base + TRAMPOLINES_LEN <= addr || end <= arena.base);
    }
}

/// Writes pieces of code, making their pages writable meanwhile; `rights` says what each is to be afterwards.
fn rewrite(pieces: &[(usize, &[u8])], rights: impl Fn(usize) -> Option<Prot>) -> bool {
    let start = pieces.iter().map(|(at, _)| *at).min().unwrap_or(0) & !(PAGE_SIZE - 1);
    let end =
        pieces.iter().map(|(at, bytes)| at + bytes.len()).max().unwrap_or(0).next_multiple_of(PAGE_SIZE);
    let pages = || (start..end).step_by(PAGE_SIZE);
    let Some(old) = rights(start) else { return false };
    let alike = pages().all(|page| rights(page) == Some(old));
    if !alike || memory::protect(start, end - start, Prot::READ | Prot::WRITE).is_err() {
        return false;
    }
    // SAFETY: the pieces are slices.
    let written = pieces
        .iter()
        .all(|(at, bytes)| unsafe { Hosted::copy_out(*at, bytes.as_ptr(), bytes.len()) }.is_ok());
    if memory::protect(start, end - start, old).is_err() {
        crate::panic::die(format_args!("code at {start:#x} could not be made executable again"));
    }
    written
}

/// See `Machine::forget_sites`.
pub fn forget(addr: usize, len: usize) {
    SITES.lock().forget(addr, len);
}

/// If the frame's fault came from the middle of a rewritten site, where an instruction used to begin, sends it to where
/// that instruction is now; true when so.
pub fn repair(frame: &mut TrapFrame) -> bool {
    let rip = frame.rip as usize;
    let sites = SITES.lock();
    let Some((start, site)) = sites.sites.range(..rip).next_back() else { return false };
    let Some((_, new)) = site.moved.iter().find(|(old, _)| start + old == rip) else {
        return false;
    };
    frame.rip = (site.at + new) as u64;
    true
}
