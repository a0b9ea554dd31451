//! Host calls with types. Each is one call through the gate; what is refused by the host comes back as its errno.

use abi::errno::Errno;
use abi::mm::{MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, MAP_SHARED, PROT_READ, PROT_WRITE};
use abi::nr::*;
use abi::process::{FUTEX_WAIT_BITSET, FUTEX_WAKE};
use abi::time::{Itimerspec, Timespec};

use crate::gate::host_call;

/// What a host call answers.
pub type HostResult = Result<usize, Errno>;

/// Makes a host call whose arguments beyond `args` are zero.
///
/// # Safety
/// As for [`host_call`].
pub unsafe fn call<const N: usize>(nr: usize, args: [usize; N]) -> HostResult {
    let mut a = [0; 6];
    a[..N].copy_from_slice(&args);
    // SAFETY: the caller's.
    let ret = unsafe { host_call(nr, a[0], a[1], a[2], a[3], a[4], a[5]) };
    if ret < 0 { Err(Errno(-ret as i32)) } else { Ok(ret as usize) }
}

/// Maps private zero pages at exactly `addr`.
///
/// # Safety
/// Nothing that Rust code relies on may be in the range.
pub unsafe fn map_anon(addr: usize, len: usize, prot: u32) -> HostResult {
    let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    // SAFETY: the caller's.
    unsafe { call(SYS_mmap, [addr, len, prot as usize, flags as usize, usize::MAX, 0]) }
}

/// Maps a descriptor's bytes at exactly `addr`.
///
/// # Safety
/// As for [`map_anon`].
pub unsafe fn map_fd(addr: usize, len: usize, prot: u32, fd: i32, offset: u64, shared: bool) -> HostResult {
    let flags = MAP_FIXED | if shared { MAP_SHARED } else { MAP_PRIVATE };
    // SAFETY: the caller's.
    unsafe { call(SYS_mmap, [addr, len, prot as usize, flags as usize, fd as usize, offset as usize]) }
}

/// Maps a region that is the kernel's alone to read and write.
///
/// # Safety
/// As for [`map_anon`].
pub unsafe fn map_kernel(addr: usize, len: usize) -> HostResult {
    // SAFETY: the caller's.
    unsafe { map_anon(addr, len, PROT_READ | PROT_WRITE) }
}

/// Changes the rights of pages.
///
/// # Safety
/// As for [`map_anon`].
pub unsafe fn protect(addr: usize, len: usize, prot: u32) -> HostResult {
    // SAFETY: the caller's.
    unsafe { call(SYS_mprotect, [addr, len, prot as usize]) }
}

/// Unmaps pages.
///
/// # Safety
/// As for [`map_anon`].
pub unsafe fn unmap(addr: usize, len: usize) -> HostResult {
    // SAFETY: the caller's.
    unsafe { call(SYS_munmap, [addr, len]) }
}

/// Closes a descriptor.
pub fn close(fd: i32) {
    // SAFETY: descriptors are owned by this crate's tables; closing one touches no memory.
    let _ = unsafe { call(SYS_close, [fd as usize]) };
}

/// Writes bytes to one of the two descriptors that the filter lets pass: stderr and the doorbell.
pub fn write(fd: i32, bytes: &[u8]) -> HostResult {
    // SAFETY: the host only reads the slice.
    unsafe { call(SYS_write, [fd as usize, bytes.as_ptr() as usize, bytes.len()]) }
}

/// Sleeps while the word at `addr` is `value`, until woken, interrupted or the monotonic time `deadline` (ns).
pub fn futex_wait(addr: *const u32, value: u32, deadline: Option<u64>) -> HostResult {
    let timeout = deadline.map(Timespec::from_ns);
    let timeout = timeout.as_ref().map_or(core::ptr::null(), core::ptr::from_ref);
    let (op, bits) = (FUTEX_WAIT_BITSET as usize, u32::MAX as usize);
    // SAFETY: the host only reads the word (EFAULT if it is not there) and the timeout, which lives here.
    unsafe { call(SYS_futex, [addr as usize, op, value as usize, timeout as usize, 0, bits]) }
}

/// Wakes all sleepers on the word at `addr`.
pub fn futex_wake(addr: *const u32) {
    // SAFETY: the host does not write to the word.
    let _ = unsafe { call(SYS_futex, [addr as usize, FUTEX_WAKE as usize, i32::MAX as usize]) };
}

/// Sets the host timer `id` to the absolute monotonic time `deadline`; 0 disarms it.
pub fn timer_set(id: i32, deadline: u64) -> HostResult {
    let spec = Itimerspec { it_interval: Timespec::default(), it_value: Timespec::from_ns(deadline) };
    let absolute = abi::time::TIMER_ABSTIME as usize;
    // SAFETY: the host only reads `spec`.
    unsafe { call(SYS_timer_settime, [id as usize, absolute, &raw const spec as usize]) }
}

/// Ends the process with `status`.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: ends everything.
        let _ = unsafe { call(SYS_exit_group, [status as usize]) };
    }
}
