//! Regions: descriptors that the monitor sends over the control socket, and their mappings for the kernel.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::NonNull;

use abi::errno::Errno;
use abi::mm::{PAGE_SIZE, PROT_READ, PROT_WRITE};
use abi::nr::SYS_recvmsg;
use abi::socket::{CmsgHdr, MSG_CTRUNC, MsgHdr, SCM_RIGHTS, SOL_SOCKET};
use abi::uio::IoVec;
use platform::{MemError, RegionView};
use platform_x86::words::Words;
use protocol::hosted::{
    FD_CONTROL, FD_EVENTS, FD_FAMILY, FD_SOCKET, KERNEL_REGIONS, SOCK_PAYLOAD, SOCK_REGION,
};
use protocol::{control, events, family};

use crate::host;
use crate::memory::mem_error;

/// Fixed places: the control, events and family regions, then everything else.
const CONTROL: usize = KERNEL_REGIONS.0;
const EVENTS: usize = KERNEL_REGIONS.0 + 0x1000_0000;
const FAMILY: usize = KERNEL_REGIONS.0 + 0x2000_0000;
const VIEWS: usize = KERNEL_REGIONS.0 + 0x1_0000_0000;

/// Descriptors that one message may carry; the protocol sends one.
const MAX_FDS: usize = 4;

struct Accepted {
    fd: i32,
    size: usize,
}

struct Table {
    accepted: BTreeMap<u64, Accepted>,
    /// Came before they were asked for: (kind, id, descriptor).
    early: Vec<(u64, u64, i32)>,
    /// Places of former views, by size.
    free: BTreeMap<usize, Vec<usize>>,
    next: usize,
}

static TABLE: spin::Mutex<Table> = spin::Mutex::new(Table {
    accepted: BTreeMap::new(),
    early: Vec::new(),
    free: BTreeMap::new(),
    next: VIEWS,
});
static CONTROL_VIEW: spin::Once<RegionView> = spin::Once::new();
static FAMILY_VIEW: spin::Once<RegionView> = spin::Once::new();

/// Maps what the monitor handed over at start.
pub fn init() {
    let rw = PROT_READ | PROT_WRITE;
    let parts = [
        (CONTROL, control::REGION_SIZE, rw, FD_CONTROL),
        (EVENTS, events::REGION_SIZE, rw, FD_EVENTS),
        (FAMILY, family::REGION_SIZE, PROT_READ, FD_FAMILY),
    ];
    for (at, len, prot, fd) in parts {
        // SAFETY: the kernel's region range is empty yet.
        if let Err(e) = unsafe { host::map_fd(at, page_round(len), prot, fd, 0, true) } {
            crate::panic::die(format_args!(
                "descriptor {fd} cannot be mapped: {e:?}; this program is started by offshoot"
            ));
        }
        host::close(fd);
    }
    // SAFETY: 1. mapped above, for good; 2. only reached through these views.
    unsafe {
        let view = |at: usize, len| RegionView::new(NonNull::new_unchecked(at as *mut u8), len, |_, _| {});
        CONTROL_VIEW.call_once(|| view(CONTROL, control::REGION_SIZE));
        FAMILY_VIEW.call_once(|| view(FAMILY, family::REGION_SIZE));
    }
}

fn page_round(len: usize) -> usize {
    len.next_multiple_of(PAGE_SIZE)
}

/// The control region.
pub fn control_view() -> RegionView {
    CONTROL_VIEW.get().expect("regions are set up first").clone()
}

/// The family region.
pub fn family_view() -> RegionView {
    FAMILY_VIEW.get().expect("regions are set up first").clone()
}

/// The events region.
// SAFETY: mapped by `init` for good; accessed only atomically.
pub static EVENTS_MEM: Words = unsafe { Words::new(EVENTS, events::REGION_SIZE) };

#[repr(C, align(8))]
struct Rights {
    header: CmsgHdr,
    fds: [i32; MAX_FDS],
}

/// Waits for the next message; its kind, id and descriptor. A descriptor that found no room is an error.
fn receive() -> Result<(u64, u64, i32), MemError> {
    let mut message = [0u64; SOCK_PAYLOAD / 8];
    let mut rights = Rights { header: CmsgHdr::default(), fds: [-1; MAX_FDS] };
    let iov = IoVec { iov_base: &raw mut message as u64, iov_len: SOCK_PAYLOAD as u64 };
    let (got, flags) = loop {
        let mut header = MsgHdr {
            msg_iov: &raw const iov as u64,
            msg_iovlen: 1,
            msg_control: &raw mut rights as u64,
            msg_controllen: size_of::<Rights>() as u64,
            ..MsgHdr::default()
        };
        // SAFETY: the host writes only to `header`, `message` and `rights`, all alive.
        match unsafe { host::call(SYS_recvmsg, [FD_SOCKET as usize, &raw mut header as usize, 0]) } {
            Err(Errno::EINTR) => continue,
            Err(e) => return Err(mem_error(e)),
            Ok(n) => break (n, header.msg_flags),
        }
    };
    if got == 0 {
        // The monitor is gone, and so are we.
        host::exit(0);
    }
    let carries = rights.header.cmsg_level == SOL_SOCKET && rights.header.cmsg_type == SCM_RIGHTS;
    if got != SOCK_PAYLOAD || !carries || flags & MSG_CTRUNC != 0 || rights.fds[0] < 0 {
        return Err(MemError::NoMemory);
    }
    Ok((message[0], message[1], rights.fds[0]))
}

/// Takes delivery of the descriptor for (kind, id), which may have come already.
pub fn deliver(kind: u64, id: u64) -> Result<i32, MemError> {
    let mut table = TABLE.lock();
    if let Some(at) = table.early.iter().position(|m| (m.0, m.1) == (kind, id)) {
        return Ok(table.early.swap_remove(at).2);
    }
    loop {
        let message = receive()?;
        if (message.0, message.1) == (kind, id) {
            return Ok(message.2);
        }
        table.early.push(message);
    }
}

/// See `Regions::accept`.
pub fn accept(id: u64, size: u64) -> Result<(), MemError> {
    let fd = deliver(SOCK_REGION, id)?;
    let old = TABLE.lock().accepted.insert(id, Accepted { fd, size: size as usize });
    if let Some(old) = old {
        host::close(old.fd);
    }
    Ok(())
}

/// See `Regions::has`.
pub fn has(id: u64) -> bool {
    TABLE.lock().accepted.contains_key(&id)
}

/// The descriptor of an accepted region.
pub fn descriptor(id: u64) -> Option<i32> {
    TABLE.lock().accepted.get(&id).map(|a| a.fd)
}

/// See `Regions::forget`.
pub fn forget(id: u64) {
    let gone = TABLE.lock().accepted.remove(&id);
    if let Some(gone) = gone {
        host::close(gone.fd);
    }
}

/// See `Regions::view`.
pub fn view(id: u64, writable: bool) -> Result<RegionView, MemError> {
    let mut table = TABLE.lock();
    let Some(Accepted { fd, size }) = table.accepted.get(&id) else { return Err(MemError::Denied) };
    let (fd, size) = (*fd, *size);
    let len = page_round(size.max(1));
    let at = match table.free.get_mut(&len).and_then(Vec::pop) {
        Some(at) => at,
        None if len <= KERNEL_REGIONS.1 - table.next => {
            table.next += len;
            table.next - len
        }
        None => return Err(MemError::NoMemory),
    };
    let prot = if writable { PROT_READ | PROT_WRITE } else { PROT_READ };
    // SAFETY: the place is nobody's.
    if let Err(e) = unsafe { host::map_fd(at, len, prot, fd, 0, true) } {
        table.free.entry(len).or_default().push(at);
        return Err(mem_error(e));
    }
    let ptr = NonNull::new(at as *mut u8).ok_or(MemError::BadRange)?;
    // SAFETY: 1. mapped above and unmapped by `unmap_view` only; 2. only reached through the view.
    Ok(unsafe { RegionView::new(ptr, size, unmap_view) })
}

fn unmap_view(ptr: NonNull<u8>, size: usize) {
    let (at, len) = (ptr.as_ptr() as usize, page_round(size.max(1)));
    // SAFETY: the view's mapping; its last user is gone.
    let _ = unsafe { host::unmap(at, len) };
    TABLE.lock().free.entry(len).or_default().push(at);
}

/// In a fresh clone: puts its own control region, accepted as `id`, in the place of the parent's.
pub fn replace_control(id: u64) -> Result<(), MemError> {
    let fd = descriptor(id).ok_or(MemError::Denied)?;
    // SAFETY: the same place, size and kind of memory as before; views of it stay valid.
    unsafe { host::map_fd(CONTROL, page_round(control::REGION_SIZE), PROT_READ | PROT_WRITE, fd, 0, true) }
        .map_err(mem_error)?;
    forget(id);
    Ok(())
}
