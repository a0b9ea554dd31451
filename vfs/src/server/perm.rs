//! Permission checks, path_resolution(7) and credentials(7).

use abi::Errno;
use abi::fs::{S_IFDIR, S_IFMT, S_ISVTX};

use crate::server::attr::Attr;
use crate::server::cx::Creds;

/// Wants to read (list) the node.
pub const READ: u32 = 4;
/// Wants to write it (change the entries of a directory).
pub const WRITE: u32 = 2;
/// Wants to execute it (search a directory).
pub const EXEC: u32 = 1;

/// EACCES unless `creds` may do all of `want`. Root may do anything but execute a file that nobody may execute.
pub fn check(attr: &Attr, creds: &Creds, want: u32) -> Result<(), Errno> {
    if creds.is_root() {
        let dir = attr.mode & S_IFMT == S_IFDIR;
        let ok = dir || want & EXEC == 0 || attr.mode & 0o111 != 0;
        return if ok { Ok(()) } else { Err(Errno::EACCES) };
    }
    let bits = if creds.uid == attr.uid {
        attr.mode >> 6
    } else if creds.in_group(attr.gid) {
        attr.mode >> 3
    } else {
        attr.mode
    };
    if bits & want == want { Ok(()) } else { Err(Errno::EACCES) }
}

/// EPERM unless `creds` own the node (CAP_FOWNER included).
pub fn owner(attr: &Attr, creds: &Creds) -> Result<(), Errno> {
    if creds.is_root() || creds.uid == attr.uid { Ok(()) } else { Err(Errno::EPERM) }
}

/// EPERM when the sticky bit of `dir` keeps `creds` from removing or renaming `child` in it.
pub fn sticky(dir: &Attr, child: &Attr, creds: &Creds) -> Result<(), Errno> {
    if dir.mode & S_ISVTX == 0 || creds.is_root() || creds.uid == child.uid || creds.uid == dir.uid {
        Ok(())
    } else {
        Err(Errno::EPERM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn user(uid: u32, gid: u32) -> Creds {
        Creds { uid, gid, groups: vec![50] }
    }

    #[test]
    fn the_first_matching_class_decides() {
        let attr = Attr { mode: 0o100_047, uid: 5, gid: 50, ..Attr::default() };
        assert_eq!(check(&attr, &user(5, 1), READ), Err(Errno::EACCES));
        assert_eq!(check(&attr, &user(6, 1), READ), Ok(()));
        assert_eq!(check(&attr, &user(6, 1), WRITE), Err(Errno::EACCES));
        let other = Creds { uid: 7, gid: 7, groups: vec![] };
        assert_eq!(check(&attr, &other, READ | WRITE | EXEC), Ok(()));
    }

    #[test]
    fn root_needs_one_x_bit_to_execute() {
        let root = user(0, 0);
        let mut attr = Attr { mode: 0o100_600, uid: 5, ..Attr::default() };
        assert_eq!(check(&attr, &root, READ | WRITE), Ok(()));
        assert_eq!(check(&attr, &root, EXEC), Err(Errno::EACCES));
        attr.mode |= 0o001;
        assert_eq!(check(&attr, &root, EXEC), Ok(()));
    }

    #[test]
    fn sticky_directories_protect_others_files() {
        let dir = Attr { mode: 0o041_777, uid: 1, ..Attr::default() };
        let child = Attr { mode: 0o100_666, uid: 2, ..Attr::default() };
        assert_eq!(sticky(&dir, &child, &user(3, 3)), Err(Errno::EPERM));
        assert_eq!(sticky(&dir, &child, &user(2, 3)), Ok(()));
        assert_eq!(sticky(&dir, &child, &user(1, 3)), Ok(()));
    }
}
