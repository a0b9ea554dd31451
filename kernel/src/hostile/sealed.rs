//! What ring 0 must not be able to change: pages that a member has for reading, its own code.

use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, Ordering};

use platform::{Platform, RegionView};
use platform_xen::{door, layout, regions};
use protocol::boot::read_identity;
use protocol::control::{MemberSide, Reply, Request, data_at};
use protocol::desc::DescInfo;
use protocol::op::DIR_CWD;
use protocol::xen::{ASK_PAGES, IMAGE_PHYS, IMAGE_VIRT};
use protocol::{MONITOR_SLOT, Op, SharedMem};

/// Where dom0 has its C library.
const LIBRARY: &[u8] = b"/lib/x86_64-linux-gnu/libc.so.6";

/// A view of the C library's pages, as every member of the family has them that maps it. None when the monitor gives it for
/// writing, or not at all.
pub fn library(platform: &'static dyn Platform) -> Option<RegionView> {
    let mut side = MemberSide::new();
    let opened = ask(platform, &mut side, Op::Open, &[DIR_CWD, 0], LIBRARY)?;
    let pages = ask(platform, &mut side, Op::FileRegion, &[opened.1.into(), 0], &[])?;
    let region = pages.0.regions[0];
    platform.accept(region.id, region.size).ok()?;
    if door::ask(ASK_PAGES, &[region.id, 0, 1, 1]) >= 0 {
        return None;
    }
    platform.view(region.id, false).ok()
}

/// A request with data; the reply, and the description that it names. None when it fails.
fn ask(
    platform: &dyn Platform,
    side: &mut MemberSide,
    op: Op,
    args: &[u64],
    data: &[u8],
) -> Option<(Reply, u32)> {
    let control = regions::control_view();
    let pid = read_identity(&control)?.pid;
    let slot = side.alloc(&control)?;
    control.write(data_at(slot), data);
    let mut all = [0; 8];
    all[..args.len()].copy_from_slice(args);
    let request = Request { op: op as u16, flags: 0, pid, tid: pid, data_len: data.len() as u32, args: all };
    side.submit(&control, slot, &request);
    platform.notify(MONITOR_SLOT, platform.slot());
    while !MemberSide::is_done(&control, slot) {
        platform.wait_reply(&mut || MemberSide::is_done(&control, slot));
    }
    let reply = MemberSide::reply(&control, slot);
    let mut desc = [0; 4];
    control.read(data_at(slot) + offset_of!(DescInfo, desc), &mut desc);
    side.free(&control, slot);
    (reply.ret >= 0).then(|| (reply, u32::from_le_bytes(desc)))
}

/// Ring 0 can make its own entry of a page writable that it has for reading; a write must not arrive. The first word is one
/// that the monitor does not change either.
pub fn is_read_only(view: &RegionView) -> bool {
    let word = |at: &AtomicU32| at.load(Ordering::SeqCst);
    let before = word(view.u32_at(0));
    let Some(frame) = regions::frame_of(view) else { return false };
    let alias = layout::direct(frame) as *mut u32;
    // SAFETY: the direct map is writable for ring 0; that nothing else knows this frame is not so, which is the point.
    unsafe { alias.write_volatile(!before) };
    word(view.u32_at(0)) == before
}

/// The tables' entry for an address of the kernel's half, whose last table is one of small pages.
fn entry_of(addr: usize) -> *mut u64 {
    let root: u64;
    // SAFETY: only reads a register.
    unsafe { core::arch::asm!("mov {}, cr3", out(reg) root, options(nomem, nostack, preserves_flags)) };
    let mut table = root;
    for shift in [39, 30, 21] {
        let at = layout::direct((table >> 12) as u32) + (addr >> shift & 511) * 8;
        // SAFETY: tables lie in the direct map.
        table = unsafe { (at as *const u64).read_volatile() } & 0x000f_ffff_ffff_f000;
    }
    (layout::direct((table >> 12) as u32) + (addr >> 12 & 511) * 8) as *mut u64
}

/// Ring 0 can give itself the right to write to its code; Xen has sealed the frames all the same.
pub fn is_code() -> bool {
    const WRITABLE: u64 = 2;
    // The first bytes, which have done their work.
    let code = (IMAGE_VIRT + IMAGE_PHYS) as usize as *mut u8;
    let entry = entry_of(code as usize);
    // SAFETY: 1. the entry is that of a page of our own code, which stays as executable as it was; 2. what is written there
    // is not run any more.
    unsafe {
        entry.write_volatile(entry.read_volatile() | WRITABLE);
        core::arch::asm!("invlpg [{}]", in(reg) code, options(nostack, preserves_flags));
        let before = code.read_volatile();
        code.write_volatile(!before);
        let after = code.read_volatile();
        code.write_volatile(before);
        after == before
    }
}
