//! The app's memory: pages by address.

use std::boxed::Box;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::vec::Vec;

use crate::{Fault, Prot, RegionView};
use protocol::SharedMem;

pub const PAGE: usize = 4096;

/// What a page's bytes are.
#[derive(Clone)]
enum Bytes {
    Own(Arc<Mutex<Box<[u8; PAGE]>>>),
    Region(RegionView, usize),
}

#[derive(Clone)]
struct Page {
    prot: Prot,
    bytes: Bytes,
}

/// All mapped pages.
#[derive(Default)]
pub struct Pages {
    pages: BTreeMap<usize, Page>,
}

fn each(addr: usize, len: usize) -> impl Iterator<Item = usize> {
    (addr..addr + len).step_by(PAGE)
}

fn zeroes() -> Bytes {
    Bytes::Own(Arc::new(Mutex::new(Box::new([0; PAGE]))))
}

impl Pages {
    /// Maps zero pages.
    pub fn map_zero(&mut self, addr: usize, len: usize, prot: Prot) {
        for at in each(addr, len) {
            self.pages.insert(at, Page { prot, bytes: zeroes() });
        }
    }

    /// Maps a region's pages, shared or as a private copy. What lies behind the region's end is not mapped.
    pub fn map_region(
        &mut self,
        addr: usize,
        len: usize,
        prot: Prot,
        from: &RegionView,
        off: usize,
        shared: bool,
    ) {
        for (i, at) in each(addr, len).enumerate() {
            let off = off + i * PAGE;
            if off >= from.len() {
                break;
            }
            let bytes = if shared {
                Bytes::Region(from.clone(), off)
            } else {
                let mut copy = Box::new([0; PAGE]);
                let n = PAGE.min(from.len() - off);
                from.read(off, &mut copy[..n]);
                Bytes::Own(Arc::new(Mutex::new(copy)))
            };
            self.pages.insert(at, Page { prot, bytes });
        }
    }

    /// Changes rights.
    pub fn protect(&mut self, addr: usize, len: usize, prot: Prot) {
        self.pages.range_mut(addr..addr + len).for_each(|(_, p)| p.prot = prot);
    }

    /// Unmaps.
    pub fn unmap(&mut self, addr: usize, len: usize) {
        each(addr, len).for_each(|at| drop(self.pages.remove(&at)));
    }

    /// Moves pages; what is beyond the old length is zero.
    pub fn move_to(&mut self, old: usize, old_len: usize, new: usize, new_len: usize) {
        let moved: Vec<_> = each(old, old_len).filter_map(|at| Some((at, self.pages.remove(&at)?))).collect();
        let prot = moved.first().map_or(Prot::empty(), |(_, p)| p.prot);
        self.map_zero(new, new_len, prot);
        for (at, page) in moved {
            self.pages.insert(at - old + new, page);
        }
    }

    /// Makes pages zero again.
    pub fn discard(&mut self, addr: usize, len: usize) {
        for (_, p) in self.pages.range_mut(addr..addr + len) {
            if let Bytes::Own(_) = p.bytes {
                p.bytes = zeroes();
            }
        }
    }

    /// True if the page is mapped.
    pub fn is_mapped(&self, at: usize) -> bool {
        self.pages.contains_key(&at)
    }

    /// Calls `part` with page, offset in it, and the stretch of `0..len` that it holds; stops at the first page that
    /// does not allow `need`.
    fn walk(
        &self,
        addr: usize,
        len: usize,
        need: Prot,
        mut part: impl FnMut(&Bytes, usize, core::ops::Range<usize>),
    ) -> Result<(), Fault> {
        let mut done = 0;
        while done < len {
            let at = addr.checked_add(done).ok_or(Fault)?;
            let page = self.pages.get(&(at & !(PAGE - 1))).filter(|p| p.prot.contains(need)).ok_or(Fault)?;
            let off = at % PAGE;
            let n = (PAGE - off).min(len - done);
            part(&page.bytes, off, done..done + n);
            done += n;
        }
        Ok(())
    }

    /// Copies out of the app's memory.
    pub fn read(&self, addr: usize, dst: &mut [u8]) -> Result<(), Fault> {
        self.walk(addr, dst.len(), Prot::READ, |bytes, off, part| match bytes {
            Bytes::Own(b) => {
                let n = part.len();
                dst[part].copy_from_slice(&super::lock(b)[off..off + n]);
            }
            Bytes::Region(view, base) => view.read(base + off, &mut dst[part]),
        })
    }

    /// Copies into the app's memory.
    pub fn write(&self, addr: usize, src: &[u8]) -> Result<(), Fault> {
        self.walk(addr, src.len(), Prot::WRITE, |bytes, off, part| match bytes {
            Bytes::Own(b) => {
                let n = part.len();
                super::lock(b)[off..off + n].copy_from_slice(&src[part]);
            }
            Bytes::Region(view, base) => view.write(base + off, &src[part]),
        })
    }
}
