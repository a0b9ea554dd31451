//! Files: open(2), stat(2), fcntl(2), mount(2), inotify(7) and their numbers.

mod structs;

pub use structs::*;

// Limits.
pub const PATH_MAX: usize = 4096;
pub const NAME_MAX: usize = 255;
pub const PIPE_BUF: usize = 4096;
pub const XATTR_NAME_MAX: usize = 255;
pub const XATTR_SIZE_MAX: usize = 65_536;
pub const XATTR_LIST_MAX: usize = 65_536;
pub const NGROUPS_MAX: usize = 65_536;
pub const SYMLOOP_MAX: usize = 40;
pub const LINK_MAX: usize = 127;
pub const OPEN_MAX: usize = 1024;
/// The largest file offset (`loff_t`).
pub const MAX_OFFSET: u64 = i64::MAX as u64;

/// The bits of open(2)'s flags that hold the access mode.
pub const O_ACCMODE: u32 = 0x3;
pub const O_RDONLY: u32 = 0x0;

pub const O_WRONLY: u32 = 0x1;
pub const O_RDWR: u32 = 0x2;
pub const O_CREAT: u32 = 0x40;
pub const O_EXCL: u32 = 0x80;
pub const O_NOCTTY: u32 = 0x100;
pub const O_TRUNC: u32 = 0x200;
pub const O_APPEND: u32 = 0x400;
pub const O_NONBLOCK: u32 = 0x800;
pub const O_DSYNC: u32 = 0x1000;
pub const FASYNC: u32 = 0x2000;
pub const O_DIRECT: u32 = 0x4000;
pub const O_LARGEFILE: u32 = 0x8000;
pub const O_DIRECTORY: u32 = 0x1_0000;
pub const O_NOFOLLOW: u32 = 0x2_0000;
pub const O_NOATIME: u32 = 0x4_0000;
pub const O_CLOEXEC: u32 = 0x8_0000;
pub const O_SYNC: u32 = 0x10_1000;
pub const O_PATH: u32 = 0x20_0000;
pub const O_TMPFILE: u32 = 0x41_0000;

bitflags::bitflags! {
    /// The `flags` argument of open(2), and a description's status flags. O_SYNC includes O_DSYNC; O_TMPFILE includes O_DIRECTORY.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct OpenFlags: u32 {
        const O_WRONLY = O_WRONLY;
        const O_RDWR = O_RDWR;
        const O_CREAT = O_CREAT;
        const O_EXCL = O_EXCL;
        const O_NOCTTY = O_NOCTTY;
        const O_TRUNC = O_TRUNC;
        const O_APPEND = O_APPEND;
        const O_NONBLOCK = O_NONBLOCK;
        const O_DSYNC = O_DSYNC;
        const FASYNC = FASYNC;
        const O_DIRECT = O_DIRECT;
        const O_LARGEFILE = O_LARGEFILE;
        const O_DIRECTORY = O_DIRECTORY;
        const O_NOFOLLOW = O_NOFOLLOW;
        const O_NOATIME = O_NOATIME;
        const O_CLOEXEC = O_CLOEXEC;
        const O_SYNC = O_SYNC;
        const O_PATH = O_PATH;
        const O_TMPFILE = O_TMPFILE;
    }
}

/// Another name of `O_NONBLOCK`.
pub const O_NDELAY: u32 = O_NONBLOCK;
/// The name that open(2) has for `FASYNC`.
pub const O_ASYNC: u32 = FASYNC;

impl OpenFlags {
    /// The flags that F_SETFL may change; fcntl(2).
    pub const SETTABLE: Self = Self::from_bits_retain(O_APPEND | O_NONBLOCK | FASYNC | O_DIRECT | O_NOATIME);
    /// The flags that matter to open only, so F_GETFL does not show them.
    pub const CREATION: Self = Self::from_bits_retain(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);

    /// The access mode: `O_RDONLY`, `O_WRONLY`, `O_RDWR`, or 3 (neither, for ioctl only).
    pub const fn access_mode(self) -> u32 {
        self.bits() & O_ACCMODE
    }

    /// True if read(2) is allowed.
    pub const fn readable(self) -> bool {
        matches!(self.access_mode(), O_RDONLY | O_RDWR) && self.bits() & O_PATH == 0
    }

    /// True if write(2) is allowed.
    pub const fn writable(self) -> bool {
        matches!(self.access_mode(), O_WRONLY | O_RDWR) && self.bits() & O_PATH == 0
    }
}

// The *at calls' flags.
pub const AT_FDCWD: i32 = -100;
pub const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
pub const AT_EACCESS: u32 = 0x200;
pub const AT_REMOVEDIR: u32 = 0x200;
pub const AT_SYMLINK_FOLLOW: u32 = 0x400;
pub const AT_NO_AUTOMOUNT: u32 = 0x800;
pub const AT_EMPTY_PATH: u32 = 0x1000;
/// execveat(2): only look whether the file could be executed.
pub const AT_EXECVE_CHECK: u32 = 0x1_0000;
pub const AT_STATX_SYNC_TYPE: u32 = 0x6000;
pub const AT_STATX_FORCE_SYNC: u32 = 0x2000;
pub const AT_STATX_DONT_SYNC: u32 = 0x4000;
pub const AT_RECURSIVE: u32 = 0x8000;

// File types and mode bits, inode(7).
pub const S_IFMT: u32 = 0o170000;
pub const S_IFSOCK: u32 = 0o140000;
pub const S_IFLNK: u32 = 0o120000;
pub const S_IFREG: u32 = 0o100000;
pub const S_IFBLK: u32 = 0o60000;
pub const S_IFDIR: u32 = 0o40000;
pub const S_IFCHR: u32 = 0o20000;
pub const S_IFIFO: u32 = 0o10000;
pub const S_ISUID: u32 = 0o4000;
pub const S_ISGID: u32 = 0o2000;
pub const S_ISVTX: u32 = 0o1000;
pub const S_IRWXU: u32 = 0o700;
pub const S_IRUSR: u32 = 0o400;
pub const S_IWUSR: u32 = 0o200;
pub const S_IXUSR: u32 = 0o100;
pub const S_IRWXG: u32 = 0o70;
pub const S_IRGRP: u32 = 0o40;
pub const S_IWGRP: u32 = 0o20;
pub const S_IXGRP: u32 = 0o10;
pub const S_IRWXO: u32 = 0o7;
pub const S_IROTH: u32 = 0o4;
pub const S_IWOTH: u32 = 0o2;
pub const S_IXOTH: u32 = 0o1;
pub const S_IALLUGO: u32 = 0o7777;
pub const S_IRWXUGO: u32 = 0o777;

// access(2).
pub const F_OK: u32 = 0;
pub const X_OK: u32 = 1;
pub const W_OK: u32 = 2;
pub const R_OK: u32 = 4;

// lseek(2).
pub const SEEK_SET: u32 = 0;
pub const SEEK_CUR: u32 = 1;
pub const SEEK_END: u32 = 2;
pub const SEEK_DATA: u32 = 3;
pub const SEEK_HOLE: u32 = 4;

// fcntl(2) commands.
pub const F_DUPFD: u32 = 0;
pub const F_GETFD: u32 = 1;
pub const F_SETFD: u32 = 2;
pub const F_GETFL: u32 = 3;
pub const F_SETFL: u32 = 4;
pub const F_GETLK: u32 = 5;
pub const F_SETLK: u32 = 6;
pub const F_SETLKW: u32 = 7;
pub const F_SETOWN: u32 = 8;
pub const F_GETOWN: u32 = 9;
pub const F_SETSIG: u32 = 10;
pub const F_GETSIG: u32 = 11;
pub const F_SETOWN_EX: u32 = 15;
pub const F_GETOWN_EX: u32 = 16;
pub const F_GETOWNER_UIDS: u32 = 17;
pub const F_OFD_GETLK: u32 = 36;
pub const F_OFD_SETLK: u32 = 37;
pub const F_OFD_SETLKW: u32 = 38;
pub const F_SETLEASE: u32 = 1024;
pub const F_GETLEASE: u32 = 1025;
pub const F_NOTIFY: u32 = 1026;
pub const F_DUPFD_QUERY: u32 = 1027;
pub const F_CREATED_QUERY: u32 = 1028;
pub const F_CANCELLK: u32 = 1029;
pub const F_DUPFD_CLOEXEC: u32 = 1030;
pub const F_SETPIPE_SZ: u32 = 1031;
pub const F_GETPIPE_SZ: u32 = 1032;
pub const F_ADD_SEALS: u32 = 1033;
pub const F_GET_SEALS: u32 = 1034;
pub const F_GET_RW_HINT: u32 = 1035;
pub const F_SET_RW_HINT: u32 = 1036;
pub const F_GET_FILE_RW_HINT: u32 = 1037;
pub const F_SET_FILE_RW_HINT: u32 = 1038;

// The values they take.
pub const FD_CLOEXEC: u32 = 1;
pub const F_SEAL_SEAL: u32 = 1;
pub const F_SEAL_SHRINK: u32 = 2;
pub const F_SEAL_GROW: u32 = 4;
pub const F_SEAL_WRITE: u32 = 8;
pub const F_SEAL_FUTURE_WRITE: u32 = 16;
pub const F_SEAL_EXEC: u32 = 32;
pub const F_OWNER_TID: i32 = 0;
pub const F_OWNER_PID: i32 = 1;
pub const F_OWNER_PGRP: i32 = 2;
pub const F_RDLCK: i16 = 0;
pub const F_WRLCK: i16 = 1;
pub const F_UNLCK: i16 = 2;

// flock(2).
pub const LOCK_SH: u32 = 1;
pub const LOCK_EX: u32 = 2;
pub const LOCK_NB: u32 = 4;
pub const LOCK_UN: u32 = 8;

// close_range(2).
pub const CLOSE_RANGE_UNSHARE: u32 = 0x2;
pub const CLOSE_RANGE_CLOEXEC: u32 = 0x4;

// openat2(2).
pub const RESOLVE_NO_XDEV: u64 = 0x1;
pub const RESOLVE_NO_MAGICLINKS: u64 = 0x2;
pub const RESOLVE_NO_SYMLINKS: u64 = 0x4;
pub const RESOLVE_BENEATH: u64 = 0x8;
pub const RESOLVE_IN_ROOT: u64 = 0x10;
pub const RESOLVE_CACHED: u64 = 0x20;

// The `d_type` of a directory entry, getdents(2).
pub const DT_UNKNOWN: u8 = 0;
pub const DT_FIFO: u8 = 1;
pub const DT_CHR: u8 = 2;
pub const DT_DIR: u8 = 4;
pub const DT_BLK: u8 = 6;
pub const DT_REG: u8 = 8;
pub const DT_LNK: u8 = 10;
pub const DT_SOCK: u8 = 12;
pub const DT_WHT: u8 = 14;

// fallocate(2).
pub const FALLOC_FL_KEEP_SIZE: u32 = 0x1;
pub const FALLOC_FL_PUNCH_HOLE: u32 = 0x2;
pub const FALLOC_FL_NO_HIDE_STALE: u32 = 0x4;
pub const FALLOC_FL_COLLAPSE_RANGE: u32 = 0x8;
pub const FALLOC_FL_ZERO_RANGE: u32 = 0x10;
pub const FALLOC_FL_INSERT_RANGE: u32 = 0x20;
pub const FALLOC_FL_UNSHARE_RANGE: u32 = 0x40;

// renameat2(2).
pub const RENAME_NOREPLACE: u32 = 0x1;
pub const RENAME_EXCHANGE: u32 = 0x2;
pub const RENAME_WHITEOUT: u32 = 0x4;

// setxattr(2).
pub const XATTR_CREATE: u32 = 0x1;
pub const XATTR_REPLACE: u32 = 0x2;

// posix_fadvise(2).
pub const POSIX_FADV_NORMAL: i32 = 0;
pub const POSIX_FADV_RANDOM: i32 = 1;
pub const POSIX_FADV_SEQUENTIAL: i32 = 2;
pub const POSIX_FADV_WILLNEED: i32 = 3;
pub const POSIX_FADV_DONTNEED: i32 = 4;
pub const POSIX_FADV_NOREUSE: i32 = 5;

// sync_file_range(2).
pub const SYNC_FILE_RANGE_WAIT_BEFORE: u32 = 0x1;
pub const SYNC_FILE_RANGE_WRITE: u32 = 0x2;
pub const SYNC_FILE_RANGE_WAIT_AFTER: u32 = 0x4;

// splice(2), tee(2), vmsplice(2). copy_file_range(2) and sendfile(2) have no flags.
pub const SPLICE_F_MOVE: u32 = 0x1;
pub const SPLICE_F_NONBLOCK: u32 = 0x2;
pub const SPLICE_F_MORE: u32 = 0x4;
pub const SPLICE_F_GIFT: u32 = 0x8;

// utimensat(2).
pub const UTIME_NOW: i64 = 0x3fff_ffff;
pub const UTIME_OMIT: i64 = 0x3fff_fffe;

// inotify(7).
pub const IN_ACCESS: u32 = 0x1;
pub const IN_MODIFY: u32 = 0x2;
pub const IN_ATTRIB: u32 = 0x4;
pub const IN_CLOSE_WRITE: u32 = 0x8;
pub const IN_CLOSE_NOWRITE: u32 = 0x10;
pub const IN_OPEN: u32 = 0x20;
pub const IN_MOVED_FROM: u32 = 0x40;
pub const IN_MOVED_TO: u32 = 0x80;
pub const IN_CREATE: u32 = 0x100;
pub const IN_DELETE: u32 = 0x200;
pub const IN_DELETE_SELF: u32 = 0x400;
pub const IN_MOVE_SELF: u32 = 0x800;
pub const IN_UNMOUNT: u32 = 0x2000;
pub const IN_Q_OVERFLOW: u32 = 0x4000;
pub const IN_IGNORED: u32 = 0x8000;
pub const IN_CLOSE: u32 = 0x18;
pub const IN_MOVE: u32 = 0xc0;
pub const IN_ONLYDIR: u32 = 0x100_0000;
pub const IN_DONT_FOLLOW: u32 = 0x200_0000;
pub const IN_EXCL_UNLINK: u32 = 0x400_0000;
pub const IN_MASK_CREATE: u32 = 0x1000_0000;
pub const IN_MASK_ADD: u32 = 0x2000_0000;
pub const IN_ISDIR: u32 = 0x4000_0000;
pub const IN_ONESHOT: u32 = 0x8000_0000;
pub const IN_ALL_EVENTS: u32 = 0xfff;
pub const IN_CLOEXEC: u32 = 0x8_0000;
pub const IN_NONBLOCK: u32 = 0x800;

// mount(2) and umount2(2).
pub const MS_RDONLY: u64 = 0x1;
pub const MS_NOSUID: u64 = 0x2;
pub const MS_NODEV: u64 = 0x4;
pub const MS_NOEXEC: u64 = 0x8;
pub const MS_SYNCHRONOUS: u64 = 0x10;
pub const MS_REMOUNT: u64 = 0x20;
pub const MS_MANDLOCK: u64 = 0x40;
pub const MS_DIRSYNC: u64 = 0x80;
pub const MS_NOSYMFOLLOW: u64 = 0x100;
pub const MS_NOATIME: u64 = 0x400;
pub const MS_NODIRATIME: u64 = 0x800;
pub const MS_BIND: u64 = 0x1000;
pub const MS_MOVE: u64 = 0x2000;
pub const MS_REC: u64 = 0x4000;
pub const MS_SILENT: u64 = 0x8000;
pub const MS_POSIXACL: u64 = 0x1_0000;
pub const MS_UNBINDABLE: u64 = 0x2_0000;
pub const MS_PRIVATE: u64 = 0x4_0000;
pub const MS_SLAVE: u64 = 0x8_0000;
pub const MS_SHARED: u64 = 0x10_0000;
pub const MS_RELATIME: u64 = 0x20_0000;
pub const MS_I_VERSION: u64 = 0x80_0000;
pub const MS_STRICTATIME: u64 = 0x100_0000;
pub const MS_LAZYTIME: u64 = 0x200_0000;
pub const MS_MGC_VAL: u64 = 0xc0ed_0000;
pub const MS_MGC_MSK: u64 = 0xffff_0000;
pub const MNT_FORCE: u32 = 0x1;
pub const MNT_DETACH: u32 = 0x2;
pub const MNT_EXPIRE: u32 = 0x4;
pub const UMOUNT_NOFOLLOW: u32 = 0x8;

// The `f_flags` of statfs(2).
pub const ST_RDONLY: u64 = 0x1;
pub const ST_NOSUID: u64 = 0x2;
pub const ST_NODEV: u64 = 0x4;
pub const ST_NOEXEC: u64 = 0x8;
pub const ST_SYNCHRONOUS: u64 = 0x10;
pub const ST_VALID: u64 = 0x20;
pub const ST_MANDLOCK: u64 = 0x40;
pub const ST_NOATIME: u64 = 0x400;
pub const ST_NODIRATIME: u64 = 0x800;
pub const ST_RELATIME: u64 = 0x1000;
pub const ST_NOSYMFOLLOW: u64 = 0x2000;

// The `f_type` of statfs(2).
pub const TMPFS_MAGIC: i64 = 0x102_1994;
pub const RAMFS_MAGIC: i64 = 0x8584_58f6;
pub const PROC_SUPER_MAGIC: i64 = 0x9fa0;
pub const SYSFS_MAGIC: i64 = 0x6265_6572;
pub const DEVPTS_SUPER_MAGIC: i64 = 0x1cd1;
pub const PIPEFS_MAGIC: i64 = 0x5049_5045;
pub const SOCKFS_MAGIC: i64 = 0x534f_434b;
pub const ANON_INODE_FS_MAGIC: i64 = 0x904_1934;
pub const EXT4_SUPER_MAGIC: i64 = 0xef53;
pub const OVERLAYFS_SUPER_MAGIC: i64 = 0x794c_7630;
pub const MQUEUE_MAGIC: i64 = 0x1980_0202;
pub const FUSE_SUPER_MAGIC: i64 = 0x6573_5546;

// statx(2): what is asked for, and attributes.
pub const STATX_TYPE: u32 = 0x1;
pub const STATX_MODE: u32 = 0x2;
pub const STATX_NLINK: u32 = 0x4;
pub const STATX_UID: u32 = 0x8;
pub const STATX_GID: u32 = 0x10;
pub const STATX_ATIME: u32 = 0x20;
pub const STATX_MTIME: u32 = 0x40;
pub const STATX_CTIME: u32 = 0x80;
pub const STATX_INO: u32 = 0x100;
pub const STATX_SIZE: u32 = 0x200;
pub const STATX_BLOCKS: u32 = 0x400;
pub const STATX_BASIC_STATS: u32 = 0x7ff;
pub const STATX_BTIME: u32 = 0x800;
pub const STATX_ALL: u32 = 0xfff;
pub const STATX_MNT_ID: u32 = 0x1000;
pub const STATX_DIOALIGN: u32 = 0x2000;
pub const STATX_MNT_ID_UNIQUE: u32 = 0x4000;
pub const STATX__RESERVED: u32 = 0x8000_0000;
pub const STATX_ATTR_COMPRESSED: u64 = 0x4;
pub const STATX_ATTR_IMMUTABLE: u64 = 0x10;
pub const STATX_ATTR_APPEND: u64 = 0x20;
pub const STATX_ATTR_NODUMP: u64 = 0x40;
pub const STATX_ATTR_ENCRYPTED: u64 = 0x800;
pub const STATX_ATTR_AUTOMOUNT: u64 = 0x1000;
pub const STATX_ATTR_MOUNT_ROOT: u64 = 0x2000;
pub const STATX_ATTR_VERITY: u64 = 0x10_0000;
pub const STATX_ATTR_DAX: u64 = 0x20_0000;

/// The type part of a mode as the `d_type` of a directory entry.
pub const fn mode_to_dtype(mode: u32) -> u8 {
    ((mode & S_IFMT) >> 12) as u8
}

/// Packs a device number as stat(2) shows it (`new_encode_dev` widened to 64 bits, as glibc's makedev does).
pub const fn makedev(major: u32, minor: u32) -> u64 {
    let (major, minor) = (major as u64, minor as u64);
    (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & !0xff) << 12) | ((major & !0xfff) << 32)
}

/// The major part of a device number.
pub const fn major(dev: u64) -> u32 {
    (((dev >> 8) & 0xfff) | ((dev >> 32) & !0xfff)) as u32
}

/// The minor part of a device number.
pub const fn minor(dev: u64) -> u32 {
    ((dev & 0xff) | ((dev >> 12) & !0xff)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_numbers_round_trip() {
        for (maj, min) in [(1, 3), (136, 0), (0xfff, 0xff), (0x1234, 0x45678)] {
            let dev = makedev(maj, min);
            assert_eq!((major(dev), minor(dev)), (maj, min));
        }
        assert_eq!(makedev(1, 3), 0x103);
    }

    #[test]
    fn access_modes() {
        let both = OpenFlags::from_bits_retain(O_RDWR | O_CLOEXEC);
        assert!(both.readable() && both.writable());
        assert!(!OpenFlags::from_bits_retain(O_PATH).readable());
        assert!(!OpenFlags::O_WRONLY.readable());
    }
}
