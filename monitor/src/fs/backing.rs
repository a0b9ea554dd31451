//! Host files behind nodes, and the regions through which members map them: one for reading, one for writing, each
//! made once and reused.

use std::cell::{Cell, RefCell};
use std::os::fd::{AsRawFd, OwnedFd};
use std::rc::Rc;

use abi::Errno;
use rustix::fs::{Mode, OFlags, open};

use super::host::errno;
use crate::members::MemberTable;
use crate::regions::{RegionId, RegionTable};

/// Regions whose owner is gone: given up by the server after the request.
pub type Spent = Vec<RegionId>;

/// An open host file: a memory file, or one of a host directory.
pub struct HostFile {
    pub fd: OwnedFd,
    /// The descriptor allows writing.
    writable: bool,
    /// Nobody in the family can write the file.
    fixed: bool,
    regions: [Cell<Option<RegionId>>; 2],
    spent: Rc<RefCell<Spent>>,
}

impl HostFile {
    /// A memory file.
    pub fn memory(fd: OwnedFd, spent: Rc<RefCell<Spent>>) -> Self {
        Self { fd, writable: true, fixed: false, regions: Default::default(), spent }
    }

    /// A file of a host directory. In one that is `fixed` the family writes nothing.
    pub fn host(fd: OwnedFd, writable: bool, fixed: bool, spent: Rc<RefCell<Spent>>) -> Self {
        Self { fd, writable, fixed, regions: Default::default(), spent }
    }

    /// True when some process can have the pages mapped for writing. A member whose processes have all ended keeps its
    /// regions until its VM is gone, but its mappings ended with them: exit(2) comes before wait(2).
    pub fn is_mapped_for_writing(&self, regions: &RegionTable, members: &MemberTable) -> bool {
        let lives = |slot| members.get(slot).is_some_and(|m| m.residents().next().is_some());
        self.regions[1].get().is_some_and(|id| regions.attached_to(id).any(lives))
    }

    /// The region of the file's pages. A member that maps for reading only gets a descriptor that cannot write.
    pub fn region(&self, regions: &mut RegionTable, write: bool, size: u64) -> Result<RegionId, Errno> {
        if write && !self.writable {
            return Err(Errno::EACCES);
        }
        let cell = &self.regions[usize::from(write)];
        if let Some(id) = cell.get() {
            regions.set_size(id, size);
            return Ok(id);
        }
        let fd = if write || !self.writable {
            self.fd.try_clone().map_err(|_| Errno::EMFILE)?
        } else {
            let path = format!("/proc/self/fd/{}", self.fd.as_raw_fd());
            open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(errno)?
        };
        let id = regions.add_file(fd, size, write, self.fixed)?;
        cell.set(Some(id));
        Ok(id)
    }
}

impl Drop for HostFile {
    fn drop(&mut self) {
        for id in self.regions.iter().filter_map(Cell::get) {
            self.spent.borrow_mut().push(id);
        }
    }
}
