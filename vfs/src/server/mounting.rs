//! mount(2) and umount2(2), as far as a family has them: binds, memory file systems, remounts.

use alloc::rc::Rc;

use abi::Errno;
use abi::fs::{MNT_DETACH, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_RELATIME};

use crate::server::Vfs;
use crate::server::cx::Cx;
use crate::server::dentry::Dentry;
use crate::server::mount::Mount;
use crate::server::walk::Loc;

/// Flags that a mount keeps.
const KEPT: u64 = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME;

impl Vfs {
    /// Mounts `root` on `at`: directories on directories, files on files.
    pub fn mount_on(
        &self,
        at: &Loc,
        root: Rc<Dentry>,
        flags: u64,
        fstype: &[u8],
        source: &[u8],
    ) -> Result<Rc<Mount>, Errno> {
        let root_dir = root.node.file_type() == abi::fs::S_IFDIR;
        if root_dir != at.is_dir() {
            return Err(Errno::ENOTDIR);
        }
        if at.dentry.parent().is_some() && at.dentry.is_deleted() {
            return Err(Errno::ENOENT);
        }
        let mount = self.mounts.add(Some(at.clone()), root, flags & KEPT, fstype, source);
        self.names_changed();
        Ok(mount)
    }

    /// MS_BIND: `from` is seen at `at` too.
    pub fn bind(&self, from: &Loc, at: &Loc) -> Result<(), Errno> {
        let (fstype, source) = (from.mount.fstype.clone(), from.mount.source.clone());
        self.mount_on(at, from.dentry.clone(), from.mount.flags.get(), &fstype, &source)?;
        Ok(())
    }

    /// MS_REMOUNT: other flags for the mount at `at`.
    pub fn remount(&self, at: &Loc, flags: u64) -> Result<(), Errno> {
        if !Rc::ptr_eq(&at.dentry, &at.mount.root) {
            return Err(Errno::EINVAL);
        }
        at.mount.flags.set(flags & KEPT);
        self.names_changed();
        Ok(())
    }

    /// umount2(2) of the mount whose root is `at`.
    pub fn umount(&self, at: Loc, flags: u32) -> Result<(), Errno> {
        if !Rc::ptr_eq(&at.dentry, &at.mount.root) || at.mount.at.borrow().is_none() {
            return Err(Errno::EINVAL);
        }
        let mount = at.mount.clone();
        drop(at);
        // Uses apart from the table's and ours: open files, working directories.
        if flags & MNT_DETACH == 0 && Rc::strong_count(&mount) > 2 {
            return Err(Errno::EBUSY);
        }
        self.mounts.remove(&mount, flags & MNT_DETACH != 0)?;
        self.names_changed();
        Ok(())
    }

    /// EPERM unless the caller may mount.
    pub fn may_mount(cx: &Cx) -> Result<(), Errno> {
        if cx.creds.is_root() { Ok(()) } else { Err(Errno::EPERM) }
    }
}
