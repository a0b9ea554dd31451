//! The pages of a region in the holder: memory that appears page by page, or a file's pages.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::ptr::NonNull;
use std::rc::Rc;

use abi::Errno;

use super::file_pages::FilePages;
use super::holder::{Frame, Holder};
use super::window::{self, Window};
use crate::mapping;

/// Bytes of a page.
pub const PAGE: usize = 4096;

/// A region's pages.
pub struct Pages {
    body: Body,
    writable: bool,
}

enum Body {
    Memory(Memory),
    File(Rc<FilePages>),
}

/// Memory that the monitor maps as well.
struct Memory {
    holder: Rc<Holder>,
    window: Rc<dyn Window>,
    /// One bit per page that is mapped in the window.
    mapped: Box<[Cell<u64>]>,
    frames: RefCell<BTreeMap<usize, Rc<Frame>>>,
}

impl Pages {
    /// Zeroed memory of `size` bytes.
    pub fn memory(holder: &Rc<Holder>, size: u64) -> Result<Rc<Self>, Errno> {
        let pages = usize::try_from(size).map_err(|_| Errno::ENOMEM)? / PAGE;
        let memory = Memory {
            holder: holder.clone(),
            window: holder.hyper().window(pages)?,
            mapped: vec![Cell::new(0); pages.div_ceil(64)].into(),
            frames: RefCell::default(),
        };
        Ok(Rc::new(Self { body: Body::Memory(memory), writable: true }))
    }

    /// The pages of a file, which all regions of the file share. One that is `fixed` nobody in the family can write.
    pub fn file(holder: &Rc<Holder>, file: OwnedFd, writable: bool, fixed: bool) -> Result<Rc<Self>, Errno> {
        Ok(Rc::new(Self { body: Body::File(FilePages::of(holder, file, writable, fixed)?), writable }))
    }

    /// Whether members may write.
    pub fn is_writable(&self) -> bool {
        self.writable
    }

    /// True for memory, which the monitor can map.
    pub fn is_memory(&self) -> bool {
        matches!(self.body, Body::Memory(_))
    }

    /// How many pages there are. A file's can change as soon as the host runs.
    pub fn count(&self) -> Result<u64, Errno> {
        match &self.body {
            Body::Memory(m) => Ok((m.window.len() / PAGE) as u64),
            Body::File(f) => f.count(),
        }
    }

    /// The frame of a page, to be granted. ENOENT: there is no such page.
    pub fn frame(&self, page: u64, write: bool) -> Result<Rc<Frame>, Errno> {
        self.frame_below(self.count()?, page, write)
    }

    /// As [`Pages::frame`], where `count` is what [`Pages::count`] said a moment ago: asking a file costs a call to the host.
    pub fn frame_below(&self, count: u64, page: u64, write: bool) -> Result<Rc<Frame>, Errno> {
        if page >= count {
            return Err(Errno::ENOENT);
        }
        match &self.body {
            Body::Memory(m) => m.frame(usize::try_from(page).map_err(|_| Errno::ENOENT)?),
            Body::File(f) => f.frame(page, write),
        }
    }

    /// A frame instead of the common one of a page: a copy of the family's own.
    pub fn own_frame(&self, page: u64) -> Result<Rc<Frame>, Errno> {
        match &self.body {
            Body::Memory(_) => self.frame(page, false),
            Body::File(f) => f.own(page, false),
        }
    }

    /// Makes pages ready that are asked for next, where that is cheaper for all of them together.
    pub fn bring(&self, count: u64, pages: Range<u64>) {
        let pages = pages.start..pages.end.min(count);
        match &self.body {
            Body::File(f) => f.bring(pages),
            // The count is that of the window's pages.
            Body::Memory(m) => m.bring(pages.start as usize..pages.end as usize),
        }
    }

    /// Copies pages from `first` on, all of which are below [`Pages::count`], to pages of a window.
    pub fn copy(&self, first: u64, to: &dyn Window, at: usize, count: usize) -> Result<(), Errno> {
        match &self.body {
            Body::File(f) => f.copy(first, to, at, count)?,
            Body::Memory(m) => {
                for i in 0..count {
                    let page = first as usize + i;
                    m.frame(page)?;
                    window::store(to, at + i, &window::fetch(&*m.window, page));
                }
            }
        }
        Ok(())
    }

    /// Writes pages of a file back that members may have changed.
    pub fn sync(&self, first: u64, count: u64) -> Result<(), Errno> {
        match &self.body {
            Body::Memory(_) => Ok(()),
            Body::File(f) => f.flush(first.saturating_mul(PAGE as u64), count.saturating_mul(PAGE as u64)),
        }
    }

    /// True for the pages of this file.
    pub fn are_of(&self, file: &Rc<FilePages>) -> bool {
        matches!(&self.body, Body::File(f) if Rc::ptr_eq(f, file))
    }
}

impl Memory {
    fn is_mapped(&self, page: usize) -> bool {
        self.mapped[page / 64].get() & 1 << (page % 64) != 0
    }

    fn set_mapped(&self, page: usize, mapped: bool) {
        let (word, bit) = (&self.mapped[page / 64], 1 << (page % 64));
        word.set(if mapped { word.get() | bit } else { word.get() & !bit });
    }

    fn frame(&self, page: usize) -> Result<Rc<Frame>, Errno> {
        if let Some(frame) = self.frames.borrow().get(&page) {
            return Ok(frame.clone());
        }
        let frame = self.holder.frame()?;
        if self.is_mapped(page) {
            // The sink was there for want of memory.
            self.window.unmap(page, 1)?;
            self.set_mapped(page, false);
        }
        self.map(page, frame.gfn)?;
        window::store(&*self.window, page, &[0; PAGE]);
        self.frames.borrow_mut().insert(page, frame.clone());
        Ok(frame)
    }

    fn map(&self, page: usize, gfn: u64) -> Result<(), Errno> {
        self.window.map(page, self.holder.domain(), &[gfn])?;
        self.set_mapped(page, true);
        Ok(())
    }

    /// Maps runs of fresh pages together. Where it fails, [`Memory::frame`] meets the reason.
    fn bring(&self, pages: Range<usize>) {
        let mut at = pages.start;
        while at < pages.end {
            let fresh = |page: &usize| !self.is_mapped(*page) && !self.frames.borrow().contains_key(page);
            let run = at..at + (at..pages.end).take_while(fresh).count();
            if run.len() > 1 {
                let frames: Result<Vec<_>, _> = run.clone().map(|_| self.holder.frame()).collect();
                let Ok(frames) = frames else { return };
                let gfns: Vec<u64> = frames.iter().map(|frame| frame.gfn).collect();
                if self.window.map(run.start, self.holder.domain(), &gfns).is_err() {
                    return;
                }
                for page in run.clone() {
                    self.set_mapped(page, true);
                    window::store(&*self.window, page, &[0; PAGE]);
                }
                self.frames.borrow_mut().extend(run.clone().zip(frames));
            }
            at = run.end.max(at + 1);
        }
    }

    /// The monitor accesses a page now. Without memory it gets one whose contents nobody sees: the member that was to
    /// read it finds zeroes, and the monitor goes on.
    fn need_page(&self, page: usize) {
        if self.frame(page).is_ok() || self.is_mapped(page) {
            return;
        }
        if self.map(page, self.holder.sink()).is_err() {
            crate::report::say("Xen has no memory left for the monitor: the family ends");
            self.holder.finish();
            std::process::exit(1);
        }
    }
}

impl mapping::Pages for Pages {
    fn base(&self) -> NonNull<u8> {
        match &self.body {
            Body::Memory(m) => m.window.base(),
            Body::File(_) => NonNull::dangling(),
        }
    }
    fn size(&self) -> usize {
        match &self.body {
            Body::Memory(m) => m.window.len(),
            Body::File(_) => 0,
        }
    }
    fn need(&self, off: usize, len: usize) {
        let Body::Memory(m) = &self.body else { return };
        for page in off / PAGE..(off + len).div_ceil(PAGE) {
            if !m.is_mapped(page) {
                m.need_page(page);
            }
        }
    }
}
