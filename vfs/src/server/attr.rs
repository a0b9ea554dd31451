//! Attributes of a node, inode(7), and the changes that chmod, chown and utimensat make to them.

use abi::fs::{S_IFDIR, S_IFMT, S_IXGRP, Stat};

/// A file time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time {
    pub sec: i64,
    pub nsec: i64,
}

/// Everything that stat(2) tells of a node, and its birth time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attr {
    pub dev: u64,
    pub ino: u64,
    /// Type and permission bits.
    pub mode: u32,
    pub nlink: u64,
    pub uid: u32,
    pub gid: u32,
    pub rdev: u64,
    pub size: u64,
    pub blksize: u32,
    /// In units of 512 bytes.
    pub blocks: u64,
    pub atime: Time,
    pub mtime: Time,
    pub ctime: Time,
    pub btime: Time,
}

impl Attr {
    /// The type bits alone.
    pub fn file_type(&self) -> u32 {
        self.mode & S_IFMT
    }

    /// True for a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == S_IFDIR
    }

    /// As `struct stat`.
    pub fn to_stat(&self) -> Stat {
        Stat {
            st_dev: self.dev,
            st_ino: self.ino,
            st_nlink: self.nlink,
            st_mode: self.mode,
            st_uid: self.uid,
            st_gid: self.gid,
            st_rdev: self.rdev,
            st_size: self.size as i64,
            st_blksize: i64::from(self.blksize),
            st_blocks: self.blocks as i64,
            st_atime: self.atime.sec,
            st_atime_nsec: self.atime.nsec,
            st_mtime: self.mtime.sec,
            st_mtime_nsec: self.mtime.nsec,
            st_ctime: self.ctime.sec,
            st_ctime_nsec: self.ctime.nsec,
            ..Stat::default()
        }
    }

    /// Applies a change that was already permitted; the change time becomes `now`.
    pub fn apply(&mut self, change: &SetAttr, now: Time) {
        if let Some(mode) = change.mode {
            self.mode = self.file_type() | (mode & 0o7777);
        }
        if let Some(uid) = change.uid {
            self.uid = uid;
        }
        if let Some(gid) = change.gid {
            self.gid = gid;
        }
        if let Some(t) = change.atime {
            self.atime = t;
        }
        if let Some(t) = change.mtime {
            self.mtime = t;
        }
        self.ctime = now;
    }
}

/// A change of attributes; `None` leaves one as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SetAttr {
    pub mode: Option<u32>,
    pub uid: Option<u32>,
    pub gid: Option<u32>,
    pub atime: Option<Time>,
    pub mtime: Option<Time>,
}

/// The mode after a change of owner or of contents by someone without privilege: the set-user-ID bit goes, and the
/// set-group-ID bit of a file that its group may execute (chown(2), write(2)).
pub fn without_suid(mode: u32) -> Option<u32> {
    if mode & S_IFMT == S_IFDIR {
        return None;
    }
    let mut clear = mode & abi::fs::S_ISUID;
    if mode & S_IXGRP != 0 {
        clear |= mode & abi::fs::S_ISGID;
    }
    (clear != 0).then_some((mode & !clear) & 0o7777)
}
