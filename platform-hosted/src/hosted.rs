//! The platform itself: each trait's operations, sent to the module that has them.

use abi::nr::SYS_getrandom;
use abi::regs::TrapFrame;
use abi::time::{CLOCK_MONOTONIC, CLOCK_REALTIME};
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use platform::machine::Usage;
use platform::{
    Backing, Clock, CloneError, CloneMember, ClonePlan, Cloned, CodeSpace, Events, Machine, MemError, Prot,
    RegionView, Regions,
};
use platform_x86::percpu;

use crate::context::CONTEXTS;
use crate::{clock, cloning, entry, events, host, memory, panic, patch, regions, vdso};

/// The hosted platform; all state is the process's.
pub struct Hosted;

/// The one instance.
pub static HOSTED: Hosted = Hosted;

static HWCAP: AtomicU64 = AtomicU64::new(0);
static HWCAP2: AtomicU64 = AtomicU64::new(0);

/// Notes what the host's auxiliary vector says of the CPU.
pub fn set_hwcap(hwcap: u64, hwcap2: u64) {
    HWCAP.store(hwcap, Ordering::Relaxed);
    HWCAP2.store(hwcap2, Ordering::Relaxed);
}

impl Machine for Hosted {
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

    fn patch_site(&self, frame: &TrapFrame, space: &mut dyn CodeSpace) {
        patch::patch_site(frame, space);
    }
    fn forget_sites(&self, addr: usize, len: usize) {
        patch::forget(addr, len);
    }

    fn answer(&self, _: usize, _: &'static AtomicU32, _: &'static AtomicU32) {
        // A patched site's call is short already, and a kick could come in the middle of an answer.
    }

    fn console(&self, text: &[u8]) {
        panic::print(text);
    }
    fn entropy(&self, buf: &mut [u8]) {
        let mut done = 0;
        while done < buf.len() {
            let rest = &mut buf[done..];
            // SAFETY: the host writes to the slice only. There is no state of ours that a clone could inherit.
            let got = unsafe { host::call(SYS_getrandom, [rest.as_mut_ptr() as usize, rest.len(), 0]) };
            done += got.unwrap_or(0);
        }
    }
    fn exit(&self) -> ! {
        host::exit(0)
    }
    fn vdso(&self) -> Option<usize> {
        vdso::range().map(|(start, _)| start)
    }
    fn hwcap(&self) -> (u64, u64) {
        (HWCAP.load(Ordering::Relaxed), HWCAP2.load(Ordering::Relaxed))
    }
    fn usage(&self) -> Usage {
        clock::usage()
    }
}

impl Clock for Hosted {
    fn monotonic(&self) -> u64 {
        vdso::clock(CLOCK_MONOTONIC)
    }
    fn wall(&self) -> u64 {
        vdso::clock(CLOCK_REALTIME)
    }
    fn cpu_time(&self) -> (u64, u64) {
        clock::cpu_time()
    }
    fn arm(&self, deadline: Option<u64>) {
        clock::arm(deadline);
    }
}

impl Events for Hosted {
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
        events::relax();
    }
}

impl Regions for Hosted {
    fn control(&self) -> RegionView {
        regions::control_view()
    }
    fn family(&self) -> RegionView {
        regions::family_view()
    }
    fn accept(&self, id: u64, size: u64) -> Result<(), MemError> {
        regions::accept(id, size)
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

impl CloneMember for Hosted {
    fn clone_member(&self, plan: &ClonePlan) -> Result<Cloned, CloneError> {
        cloning::clone_member(plan)
    }
}
