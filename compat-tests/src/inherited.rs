//! Descriptors that the runner was started with must not reach the cases: a native case would see them, a hosted not.

use std::fs;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};

/// Marks every descriptor but the standard three close-on-exec; for the very start of the process.
pub fn close_on_exec() {
    let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let numbers: Vec<RawFd> =
        open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|&fd| fd > 2).collect();
    for number in numbers {
        // SAFETY: the number is used at once and only to set a flag; the listing's own descriptor, which is closed by
        // now, gives EBADF, and no other thread exists yet that could have opened it anew.
        let fd = unsafe { BorrowedFd::borrow_raw(number) };
        let _ = fcntl_setfd(fd, FdFlags::CLOEXEC);
    }
}
