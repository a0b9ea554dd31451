//! Pages of regions: asked for at the door, mapped at numbers set aside for them, given back when nobody here uses them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use abi::errno::Errno;
use abi::mm::PAGE_SIZE;
use protocol::xen::{ASK_GIVE_BACK, ASK_PAGES, COPIES, PageGrant};

use crate::interface::{GNTMAP_HOST_MAP, GNTMAP_READONLY, MapGrantRef, UnmapGrantRef};
use crate::layout::{GRANTS, direct};
use crate::space::Bad;
use crate::{door, hypercall};

/// Most pages asked for at a time.
pub const AROUND: usize = 16;
/// Mappings that nobody uses are undone when there are so many.
const IDLE: usize = 64;
/// Operations of one hypercall.
const BATCH: usize = 64;

/// A page of a region, as it was granted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Page {
    pub id: u64,
    pub index: u64,
    pub writable: bool,
}

struct Mapped {
    frame: u32,
    handle: u32,
    grant: PageGrant,
    users: u32,
}

/// A page that was mapped before there was a table of them.
#[derive(Clone, Copy)]
pub struct Premapped {
    pub page: Page,
    pub frame: u32,
    pub handle: u32,
    pub grant: PageGrant,
}

/// All mappings of this member.
pub struct Grants {
    pages: BTreeMap<Page, Mapped>,
    /// By frame, from the first of the zone.
    by_frame: Vec<Page>,
    free: Vec<u32>,
    idle: Vec<Page>,
    /// Copied and not mapped, to be given back.
    copied: Vec<PageGrant>,
}

fn bad(ret: i64) -> Bad {
    match Errno(-ret as i32) {
        Errno::ENOENT => Bad::Gone,
        Errno::EACCES | Errno::EPERM => Bad::Rights,
        _ => Bad::NoMemory,
    }
}

impl Default for Grants {
    fn default() -> Self {
        Self::new()
    }
}

impl Grants {
    /// None.
    pub const fn new() -> Self {
        Self {
            pages: BTreeMap::new(),
            by_frame: Vec::new(),
            free: Vec::new(),
            idle: Vec::new(),
            copied: Vec::new(),
        }
    }

    /// True when the page is mapped.
    pub fn has(&self, page: Page) -> bool {
        self.pages.contains_key(&page)
    }

    /// The frame of a mapped page, with one user more.
    pub fn share(&mut self, page: Page) -> Option<u32> {
        let mapped = self.pages.get_mut(&page)?;
        mapped.users += 1;
        Some(mapped.frame)
    }

    fn number(&mut self) -> Option<u32> {
        if let Some(frame) = self.free.pop() {
            return Some(frame);
        }
        let frame = GRANTS.0 + self.by_frame.len() as u32;
        if frame == GRANTS.1 {
            return None;
        }
        self.by_frame.push(Page { id: 0, index: 0, writable: false });
        Some(frame)
    }

    /// Asks for `count` pages from `first` on and maps them, each with one user; the frames, of which there is at least one.
    pub fn fetch(&mut self, first: Page, count: usize) -> Result<([u32; AROUND], usize), Bad> {
        let mapped = self.fetch_once(first, count, false);
        // The domain whose pages they were may be no more: the monitor has others then.
        if mapped == Err(Bad::NoMemory) { self.fetch_once(first, count, true) } else { mapped }
    }

    fn fetch_once(&mut self, first: Page, count: usize, again: bool) -> Result<([u32; AROUND], usize), Bad> {
        let count = count.min(AROUND);
        let args = [first.id, first.index, count as u64, first.writable.into(), 0, again.into()];
        let got = door::ask(ASK_PAGES, &args);
        if got <= 0 {
            return Err(bad(got));
        }
        let mut list = [PageGrant::default(); AROUND];
        let list = &mut list[..(got as usize).min(count)];
        for (i, grant) in list.iter_mut().enumerate() {
            *grant = door::get(i);
        }
        self.map(first, list)
    }

    /// Maps pages that were granted, from `first` on.
    pub fn map(&mut self, first: Page, list: &[PageGrant]) -> Result<([u32; AROUND], usize), Bad> {
        let mut ops = [MapGrantRef::default(); AROUND];
        let mut frames = [0; AROUND];
        let ops = &mut ops[..list.len()];
        for ((op, grant), frame) in ops.iter_mut().zip(list).zip(&mut frames) {
            *frame = self.number().ok_or(Bad::NoMemory)?;
            let rights = if first.writable { 0 } else { GNTMAP_READONLY };
            op.host_addr = u64::from(*frame) * PAGE_SIZE as u64;
            op.flags = GNTMAP_HOST_MAP | rights;
            op.gref = grant.gref;
            op.dom = grant.domid as u16;
            op.status = -1;
        }
        // SAFETY: the numbers are of the zone for this, and nothing is mapped at them.
        unsafe { hypercall::map_grants(ops) };
        let mut mapped = 0;
        for (i, (op, grant)) in ops.iter().zip(list).enumerate() {
            if op.status == 0 && mapped == i {
                mapped += 1;
                let page = Page { index: first.index + i as u64, ..first };
                let frame = frames[i];
                self.by_frame[(frame - GRANTS.0) as usize] = page;
                self.pages.insert(page, Mapped { frame, handle: op.handle, grant: *grant, users: 1 });
            } else {
                // Those behind one that failed are not of use.
                if op.status == 0 {
                    self.unmap_now(frames[i], op.handle);
                }
                self.free.push(frames[i]);
                self.copied.push(*grant);
            }
        }
        if mapped == 0 { Err(Bad::NoMemory) } else { Ok((frames, mapped)) }
    }

    fn unmap_now(&self, frame: u32, handle: u32) {
        let host_addr = u64::from(frame) * PAGE_SIZE as u64;
        let mut op = [UnmapGrantRef { host_addr, dev_bus_addr: 0, handle, status: 0 }];
        // SAFETY: it was just mapped, and nobody knows it.
        unsafe { hypercall::unmap_grants(&mut op) };
    }

    /// Takes a page in that is mapped, with one user; the frame follows the last one of the zone that is known.
    pub fn adopt(&mut self, mapped: &Premapped) {
        let Premapped { page, frame, handle, grant } = *mapped;
        debug_assert_eq!(frame, GRANTS.0 + self.by_frame.len() as u32);
        self.by_frame.push(page);
        self.pages.insert(page, Mapped { frame, handle, grant, users: 1 });
    }

    /// Copies pages from `first` on to own frames; how many, at least one.
    pub fn copy(&mut self, first: Page, to: &[u32]) -> Result<usize, Bad> {
        if let ([to], Some(mapped)) = (to, self.pages.get(&first)) {
            // SAFETY: both frames are mapped in the direct map; `to` is the caller's alone.
            unsafe {
                core::ptr::copy_nonoverlapping(
                    direct(mapped.frame) as *const u8,
                    direct(*to) as *mut u8,
                    PAGE_SIZE,
                );
            }
            return Ok(1);
        }
        let to = &to[..to.len().min(COPIES)];
        let got = match door::ask(ASK_PAGES, &[first.id, first.index, to.len() as u64, 0, 1]) {
            got @ 1.. => (got as usize).min(to.len()),
            refused => return Err(bad(refused)),
        };
        for (i, frame) in to[..got].iter().enumerate() {
            // SAFETY: the frame is mapped in the direct map, and the caller's alone.
            unsafe { door::take_page(i, direct(*frame) as *mut u8) };
        }
        Ok(got)
    }

    /// A user less of the page at a frame.
    pub fn release(&mut self, frame: u32) {
        let page = self.by_frame[(frame - GRANTS.0) as usize];
        if let Some(mapped) = self.pages.get_mut(&page) {
            mapped.users -= 1;
            if mapped.users == 0 {
                self.idle.push(page);
            }
        }
    }

    /// Undoes mappings that nobody uses, if there are many, or all of them.
    pub fn tidy(&mut self, all: bool) {
        if !all && self.idle.len() + self.copied.len() < IDLE {
            return;
        }
        while let Some(page) = self.idle.pop() {
            let mut ops = [UnmapGrantRef::default(); BATCH];
            let mut n = 0;
            let mut next = Some(page);
            while let Some(page) = next {
                // It may have found a user again, or be listed twice.
                if self.pages.get(&page).is_some_and(|m| m.users == 0)
                    && let Some(m) = self.pages.remove(&page)
                {
                    ops[n].host_addr = u64::from(m.frame) * PAGE_SIZE as u64;
                    ops[n].handle = m.handle;
                    n += 1;
                    self.free.push(m.frame);
                    self.copied.push(m.grant);
                }
                next = if n < BATCH { self.idle.pop() } else { None };
            }
            if n > 0 {
                // SAFETY: no entry of the page tables leads there any more.
                unsafe { hypercall::unmap_grants(&mut ops[..n]) };
            }
        }
        for list in self.copied.chunks(BATCH) {
            door::put_all(list);
            door::ask(ASK_GIVE_BACK, &[list.len() as u64]);
        }
        self.copied.clear();
    }

    /// In a fresh clone: all mappings were the parent's.
    pub fn become_child(&mut self) {
        self.pages.clear();
        self.by_frame.clear();
        self.free.clear();
        self.idle.clear();
        self.copied.clear();
    }
}
