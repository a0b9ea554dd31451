//! The platform itself: each trait's operations, sent to the module that has them.

use core::sync::atomic::{AtomicU32, Ordering};

use abi::regs::TrapFrame;
use platform::machine::Usage;
use platform::{
    Backing, Clock, CloneError, CloneMember, ClonePlan, Cloned, CodeSpace, Events, Machine, MemError, Prot,
    RegionView, Regions,
};
use platform_x86::percpu;

use crate::context::CONTEXTS;
use crate::{clock, cloning, cpu, entry, events, hypercall, memory, panic, random, regions, space};

/// The Xen platform; all state is the domain's.
pub struct Xen;

/// The one instance.
pub static XEN: Xen = Xen;

impl Machine for Xen {
    fn app_ranges(&self) -> &'static [(usize, usize)] {
        &memory::RANGES
    }
    fn map(&self, addr: usize, len: usize, prot: Prot, backing: Backing) -> Result<(), MemError> {
        memory::map(addr, len, prot, backing)
    }
    fn protect(&self, addr: usize, len: usize, prot: Prot) -> Result<(), MemError> {
        memory::protect(addr, len, prot)
    }
    fn unmap(&self, addr: usize, len: usize) -> Result<(), MemError> {
        memory::unmap(addr, len)
    }
    fn move_pages(&self, old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError> {
        memory::move_pages(old, old_len, new, new_len)
    }
    fn discard(&self, addr: usize, len: usize) -> Result<(), MemError> {
        memory::discard(addr, len)
    }
    fn sync(&self, addr: usize, len: usize) -> Result<(), MemError> {
        memory::sync(addr, len)
    }
    fn resident(&self, addr: usize, out: &mut [u8]) -> Result<(), MemError> {
        memory::resident(addr, out)
    }

    platform_x86::machine_methods!(CONTEXTS, entry::leave);

    fn patch_site(&self, _: &TrapFrame, _: &mut dyn CodeSpace) {
        // A system call is one instruction here already.
    }
    fn forget_sites(&self, _: usize, _: usize) {}

    fn answer(&self, nr: usize, at: &'static AtomicU32, unless: &'static AtomicU32) {
        // A look maps the pages that they lie in.
        at.load(Ordering::Relaxed);
        unless.load(Ordering::Relaxed);
        percpu::this().answer(nr, at, unless);
    }

    fn console(&self, text: &[u8]) {
        panic::print(text);
    }
    fn entropy(&self, buf: &mut [u8]) {
        random::fill(buf);
    }
    fn exit(&self) -> ! {
        cloning::exit()
    }
    fn vdso(&self) -> Option<usize> {
        None
    }
    fn hwcap(&self) -> (u64, u64) {
        cpu::hwcap()
    }
    fn usage(&self) -> Usage {
        space::usage()
    }
}

impl Clock for Xen {
    fn monotonic(&self) -> u64 {
        clock::monotonic()
    }
    fn wall(&self) -> u64 {
        clock::wall()
    }
    fn cpu_time(&self) -> (u64, u64) {
        (hypercall::run_time(), 0)
    }
    fn arm(&self, deadline: Option<u64>) {
        clock::arm(deadline);
    }
}

impl Events for Xen {
    fn slot(&self) -> u32 {
        events::slot()
    }
    fn notify(&self, slot: u32, event: u32) {
        events::notify(slot, event);
    }
    fn kick_self(&self) {
        percpu::this().kicked();
    }
    fn pending(&self) -> bool {
        events::pending()
    }
    fn take(&self, each: &mut dyn FnMut(u32)) {
        events::take(each);
    }
    fn wait(&self, deadline: Option<u64>) {
        events::wait(deadline);
    }
    fn linger(&self, done: &mut dyn FnMut() -> bool) {
        events::linger(done);
    }
    fn wait_reply(&self, done: &mut dyn FnMut() -> bool) {
        events::wait_reply(done);
    }
    fn relax(&self) {
        hypercall::yield_now();
    }
}

impl Regions for Xen {
    fn control(&self) -> RegionView {
        regions::control_view()
    }
    fn family(&self) -> RegionView {
        regions::family_view()
    }
    fn accept(&self, id: u64, size: u64) -> Result<(), MemError> {
        regions::accept(id, size);
        Ok(())
    }
    fn has(&self, id: u64) -> bool {
        regions::has(id)
    }
    fn view(&self, id: u64, writable: bool) -> Result<RegionView, MemError> {
        regions::view(id, writable)
    }
    fn forget(&self, id: u64) {
        regions::forget(id);
    }
}

impl CloneMember for Xen {
    fn clone_member(&self, plan: &ClonePlan) -> Result<Cloned, CloneError> {
        cloning::clone_member(plan)
    }
}
