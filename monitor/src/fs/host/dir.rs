//! Listing host directories.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use abi::Errno;
use rustix::fs::{RawDir, SeekFrom, seek};
use vfs::server::inode::{DirEntry, DirSink};

use super::errno;
use super::node::HostNode;

/// The guest's cookies 0 and 1 are those of `.` and `..`; the host's follow from here.
const BASE: u64 = 2;

impl HostNode {
    /// Lists from cookie `from`; the host's own cookies are stable for as long as the directory exists.
    pub(super) fn list(&self, fd: OwnedFd, from: u64, sink: DirSink) -> Result<(), Errno> {
        let at = from.wrapping_sub(BASE);
        if at != 0 {
            seek(&fd, SeekFrom::Start(at)).map_err(errno)?;
        }
        let mut buf = [MaybeUninit::uninit(); 32 * 1024];
        let mut dir = RawDir::new(&fd, &mut buf);
        while let Some(entry) = dir.next() {
            let entry = entry.map_err(errno)?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            let entry = DirEntry {
                ino: entry.ino(),
                dtype: dtype(entry.file_type()),
                next: entry.next_entry_cookie().wrapping_add(BASE),
                name: name.to_vec(),
            };
            if !sink(entry) {
                break;
            }
        }
        Ok(())
    }
}

fn dtype(t: rustix::fs::FileType) -> u8 {
    abi::fs::mode_to_dtype(t.as_raw_mode())
}
