//! The platform itself: each trait's operations, sent to the module that has them.

use abi::regs::TrapFrame;
use platform::machine::Usage;
use platform::{
    Backing, Clock, CloneError, CloneMember, ClonePlan, Cloned, CodeSpace, ContextId, Events, Fault, Machine,
    MemError, Prot, RegionView, Regions,
};
use platform_x86::xstate;

use crate::{
    clock, cloning, context, cpu, entry, events, hypercall, memory, panic, percpu, random, regions, space,
};

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

    fn copy_in(&self, src: usize, dst: &mut [u8]) -> Result<(), Fault> {
        // SAFETY: `dst` is a slice.
        unsafe { memory::copy_in(dst.as_mut_ptr(), src, dst.len()) }
    }
    fn copy_out(&self, dst: usize, src: &[u8]) -> Result<(), Fault> {
        // SAFETY: `src` is a slice.
        unsafe { memory::copy_out(dst, src.as_ptr(), src.len()) }
    }
    fn copy_out_region(&self, dst: usize, view: &RegionView, off: usize, len: usize) -> Result<(), Fault> {
        // SAFETY: the view vouches for `len` bytes at `off`.
        unsafe { memory::copy_out(dst, view.addr(off, len).as_ptr(), len) }
    }
    fn copy_in_region(&self, view: &RegionView, off: usize, src: usize, len: usize) -> Result<(), Fault> {
        // SAFETY: as above; that the view is writable is its holder's affair.
        unsafe { memory::copy_in(view.addr(off, len).as_ptr(), src, len) }
    }
    fn load_u32(&self, addr: usize) -> Result<u32, Fault> {
        memory::load_u32(addr)
    }
    fn cas_u32(&self, addr: usize, old: u32, new: u32) -> Result<u32, Fault> {
        memory::cas_u32(addr, old, new)
    }
    fn copy_in_str(&self, src: usize, dst: &mut [u8]) -> Result<usize, Fault> {
        memory::copy_in_str(src, dst)
    }

    fn create_context(&self, entry: fn(usize) -> !, arg: usize) -> Result<ContextId, MemError> {
        context::create(entry, arg)
    }
    fn current_context(&self) -> ContextId {
        context::current()
    }
    fn switch_context(&self, to: ContextId) {
        context::switch(to);
    }
    fn free_context(&self, id: ContextId) {
        context::free(id);
    }
    fn enter_user(&self, frame: &TrapFrame) -> ! {
        context::going_to_user();
        entry::leave(frame)
    }
    fn tls(&self) -> usize {
        context::current_fs()
    }
    fn set_tls(&self, base: usize) {
        context::set_fs(base);
    }
    fn xstate_size(&self) -> usize {
        xstate::signal_size()
    }
    fn save_xstate(&self, frame: &TrapFrame, out: &mut [u8]) {
        context::with_area(|area| area.save_for_signal(frame, out));
    }
    fn restore_xstate(&self, frame: &mut TrapFrame, from: &[u8]) -> bool {
        context::with_area(|area| area.load_from_signal(frame, from))
    }
    fn reset_xstate(&self, frame: &mut TrapFrame) {
        xstate::reset_frame(frame);
        context::with_area(|area| {
            area.clear();
            area.load_partial();
        });
    }
    fn patch_site(&self, _: &TrapFrame, _: &mut dyn CodeSpace) {
        // A system call is one instruction here already.
    }
    fn forget_sites(&self, _: usize, _: usize) {}

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
