//! Sockets with a path, unix(7): bind(2) makes a node, connect(2) finds it. Which socket a node stands for is known to
//! `net`, by the node's identity.

use abi::Errno;
use abi::fs::{S_IFSOCK, W_OK};
use vfs::server::Dir;
use vfs::server::inode::NodeKey;
use vfs::server::walk::Stop;

use super::{Ids, settle, with};
use crate::call::Call;
use crate::family::Family;

/// Makes the node of a socket that is bound to `path`; EEXIST when the name is taken.
pub fn bind_socket(fam: &mut Family, call: &Call, path: &[u8], mode: u32) -> Result<NodeKey, Errno> {
    let made = with(fam, call, Ids::Fs, |cx, vfs| {
        let mode = S_IFSOCK | mode & 0o777;
        vfs.mknod(cx, &Dir::Cwd, path, mode, 0).map(|loc| loc.dentry.key())
    });
    settle(fam);
    made.map_err(plain)
}

/// The node that `path` leads to: it must be a socket (ECONNREFUSED) that the caller may write to (EACCES).
pub fn find_socket(fam: &mut Family, call: &Call, path: &[u8]) -> Result<NodeKey, Errno> {
    with(fam, call, Ids::Fs, |cx, vfs| {
        let found = vfs.find(cx, &Dir::Cwd, path, true, false).map_err(plain)?;
        vfs.access(cx, &found.loc, W_OK)?;
        if found.loc.dentry.node.file_type() != S_IFSOCK {
            return Err(Errno::ECONNREFUSED);
        }
        Ok(found.loc.dentry.key())
    })
}

fn plain(stop: Stop) -> Errno {
    match stop {
        Stop::Errno(e) => e,
        // A descriptor under /proc is not where a socket listens.
        Stop::OwnFd { .. } => Errno::ECONNREFUSED,
    }
}
