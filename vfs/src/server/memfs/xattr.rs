//! Extended attributes, xattr(7), in memory.

use alloc::boxed::Box;
use alloc::vec::Vec;

use abi::Errno;
use abi::fs::{XATTR_CREATE, XATTR_REPLACE};

use super::node::{MemNode, Xattrs};
use crate::server::cx::Cx;

/// All the values of one node together take at most so many bytes, as on ext4 roughly.
const TOTAL: usize = 256 * 1024;

impl MemNode {
    /// Runs `f` on the node's own attributes, copying those below first.
    fn own_xattrs<T>(&self, cx: &Cx, f: impl FnOnce(&mut Xattrs) -> Result<T, Errno>) -> Result<T, Errno> {
        let mut own = self.xattrs.borrow_mut();
        if own.is_none() {
            let mut map = Xattrs::new();
            if let Some(lower) = &self.lower {
                for name in lower.list_xattr(cx)? {
                    if let Ok(value) = lower.get_xattr(cx, &name) {
                        map.insert(name, value);
                    }
                }
            }
            *own = Some(map);
        }
        let Some(map) = own.as_mut() else { return Err(Errno::EIO) };
        let result = f(map)?;
        drop(own);
        self.attr.borrow_mut().ctime = cx.now;
        self.touched();
        Ok(result)
    }

    pub(super) fn xattr_get(&self, cx: &Cx, name: &[u8]) -> Result<Vec<u8>, Errno> {
        match (&*self.xattrs.borrow(), &self.lower) {
            (Some(map), _) => map.get(name).cloned().ok_or(Errno::ENODATA),
            (None, Some(lower)) => lower.get_xattr(cx, name),
            (None, None) => Err(Errno::ENODATA),
        }
    }

    pub(super) fn xattr_set(&self, cx: &Cx, name: &[u8], value: &[u8], flags: u32) -> Result<(), Errno> {
        self.own_xattrs(cx, |map| {
            let there = map.contains_key(name);
            if flags & XATTR_CREATE != 0 && there {
                return Err(Errno::EEXIST);
            }
            if flags & XATTR_REPLACE != 0 && !there {
                return Err(Errno::ENODATA);
            }
            let others: usize =
                map.iter().filter(|(n, _)| &***n != name).map(|(n, v)| n.len() + v.len()).sum();
            if others + name.len() + value.len() > TOTAL {
                return Err(Errno::ENOSPC);
            }
            map.insert(name.into(), value.to_vec());
            Ok(())
        })
    }

    pub(super) fn xattr_list(&self, cx: &Cx) -> Result<Vec<Box<[u8]>>, Errno> {
        match (&*self.xattrs.borrow(), &self.lower) {
            (Some(map), _) => Ok(map.keys().cloned().collect()),
            (None, Some(lower)) => lower.list_xattr(cx),
            (None, None) => Ok(Vec::new()),
        }
    }

    pub(super) fn xattr_remove(&self, cx: &Cx, name: &[u8]) -> Result<(), Errno> {
        self.own_xattrs(cx, |map| map.remove(name).map(|_| ()).ok_or(Errno::ENODATA))
    }
}
