//! Rewriting system-call sites, so that a call enters the kernel by two jumps instead of a host signal.
//!
//! [`site`] decides what can be done, [`trampoline`] makes the code, [`arena`] the room for it; this file remembers the
//! sites and changes the app's memory. The app's code is writable only while a site is being rewritten: no app code runs
//! then. Code that the app can itself write, or that others map, is left alone.

mod arena;
mod site;
mod trampoline;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::mm::PAGE_SIZE;
use abi::nr::SYS_rt_sigreturn;
use abi::regs::TrapFrame;
use platform::{CodeSpace, Prot, TRAMPOLINES_LEN};

use crate::entry::OFF_RESUME;
use crate::{entry, memory, percpu};
use arena::Arena;
use site::{BEFORE, BEHIND, JUMP, SYSCALL};
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
    at: usize,
    trampoline: Trampoline,
}

struct Sites {
    sites: BTreeMap<usize, Site>,
    arenas: Vec<Arena>,
}

static SITES: spin::Mutex<Sites> = spin::Mutex::new(Sites { sites: BTreeMap::new(), arenas: Vec::new() });

/// The entry's address, for the trampolines' indirect jump; the kernel's image lies below 2 GiB.
static GATE: unsafe extern "C" fn() = entry::gate_entry;

/// See `Machine::patch_site`.
pub fn patch_site(frame: &TrapFrame, space: &mut dyn CodeSpace) {
    // The unwinders of C libraries know the return from a signal handler by its bytes.
    if frame.syscall_nr() == SYS_rt_sigreturn {
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

/// Rewrites the site; gives the address where its calls resume.
fn try_patch(frame: &TrapFrame, space: &mut dyn CodeSpace) -> Option<usize> {
    let ip = (frame.rip as usize).checked_sub(SYSCALL)?;
    let code = Window::read(ip, space)?;
    let mut sites = SITES.lock();
    if let Some(known) =
        sites.sites.get(&ip).or_else(|| sites.sites.get(&(ip - 5))).or_else(|| sites.sites.get(&(ip - 7)))
    {
        if code.holds(known) {
            return None;
        }
        // The page was thrown away and read again.
        sites.forget(ip - 7, 8);
    }
    let plan = site::plan(code.before(), code.behind()?, ip as u64, frame.syscall_nr() as u32)?;
    let at = sites.place(&plan, ip, space)?;
    let tramp = trampoline::build(&plan, ip as u64, at as u64, &raw const GATE as u32)?;
    let from = plan.jump_at(ip as u64) as usize;
    let jump = trampoline::jump(from as u64, at as u64)?;
    let mut bytes = jump.to_vec();
    // What is left of a longer instruction is never reached.
    bytes.resize(plan.len(), 0x90);
    let rx = Prot::READ | Prot::EXEC;
    if !rewrite(at, &tramp.code, |_| Some(rx)) || !rewrite(from, &bytes, |page| space.private_rights(page)) {
        sites.release(at, tramp.code.len());
        return None;
    }
    let resume = if tramp.resume == 0 { ip + SYSCALL } else { at + tramp.resume };
    sites.sites.insert(from, Site { len: bytes.len(), jump, at, trampoline: tramp });
    Some(resume)
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
        unsafe { memory::copy_in(window.bytes.as_mut_ptr(), start, window.len) }.ok()?;
        Some(window)
    }

    fn before(&self) -> &[u8] {
        &self.bytes[..self.ip - self.start]
    }

    /// The bytes behind the `syscall`; `None` if there is none at the site any more.
    fn behind(&self) -> Option<&[u8]> {
        self.bytes[self.ip - self.start..self.len].strip_prefix(&[0x0f, 0x05])
    }

    /// True if the site's jump is still there.
    fn holds(&self, known: &Site) -> bool {
        self.bytes[..self.len].windows(JUMP).any(|bytes| bytes == known.jump)
    }
}

impl Sites {
    /// Finds room for the plan's trampoline.
    fn place(&mut self, plan: &site::Plan, ip: usize, space: &mut dyn CodeSpace) -> Option<usize> {
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
                self.release(site.at, site.trampoline.code.len());
            }
        }
        self.arenas.retain(|arena| arena.base + TRAMPOLINES_LEN <= addr || end <= arena.base);
    }
}

/// Writes code, making the pages writable meanwhile; `rights` says what they are to be afterwards.
fn rewrite(at: usize, bytes: &[u8], rights: impl Fn(usize) -> Option<Prot>) -> bool {
    let first = at & !(PAGE_SIZE - 1);
    let pages = (at + bytes.len() - first).div_ceil(PAGE_SIZE);
    let mut old = [Prot::empty(); 2];
    for (i, old) in old.iter_mut().enumerate().take(pages) {
        match rights(first + i * PAGE_SIZE) {
            Some(prot) => *old = prot,
            None => return false,
        }
    }
    if memory::protect(first, pages * PAGE_SIZE, Prot::READ | Prot::WRITE).is_err() {
        return false;
    }
    // SAFETY: `bytes` is a slice.
    let written = unsafe { memory::copy_out(at, bytes.as_ptr(), bytes.len()) }.is_ok();
    for (i, old) in old.iter().enumerate().take(pages) {
        if memory::protect(first + i * PAGE_SIZE, PAGE_SIZE, *old).is_err() {
            crate::panic::die(format_args!("code at {at:#x} could not be made executable again"));
        }
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
    let Some((_, new)) = site.trampoline.moved.iter().find(|(old, _)| start + old == rip) else {
        return false;
    };
    frame.rip = (site.at + new) as u64;
    true
}
