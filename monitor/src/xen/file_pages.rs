//! Pages of files: filled from the file at the first touch, one copy for the whole family, written back when members
//! could write them. The monitor's own reads and writes of such a file are kept coherent with them. Of a file that the family
//! cannot write the pages are the commons', one copy for all families.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};

use abi::Errno;
use rustix::fs::{Stat, fstat};
use rustix::io::{pread, pwrite};

use super::common_file::CommonFile;
use super::holder::{Frame, Holder};
use super::pages::PAGE;
use super::window::{Window, fetch, read_file, store};

/// Pages of one window.
const CHUNK: u64 = 256;

/// Device and inode.
type Key = (u64, u64);

thread_local! {
    /// The files that have pages here; the monitor is one thread.
    static FILES: RefCell<BTreeMap<Key, Weak<FilePages>>> = const { RefCell::new(BTreeMap::new()) };
    /// Files of which pages went because they are shorter now, and nobody was told.
    static CUT: RefCell<Vec<Rc<FilePages>>> = const { RefCell::new(Vec::new()) };
}

/// A file's pages in the holder.
pub struct FilePages {
    holder: Rc<Holder>,
    key: Key,
    /// Open for writing as soon as somebody maps it so.
    file: RefCell<OwnedFd>,
    windows: RefCell<BTreeMap<u64, Rc<dyn Window>>>,
    /// The family has it only where it cannot write it.
    fixed: Cell<bool>,
    /// Where pages are first looked for then.
    common: RefCell<Option<CommonFile>>,
    pages: RefCell<BTreeMap<u64, Page>>,
    /// Modification time and size when the pages were last known to be the file's.
    seen: Cell<(i64, u64, u64)>,
}

struct Page {
    frame: Rc<Frame>,
    /// Some member could write it since it was last written back.
    written: bool,
}

/// Before the monitor reads a file itself: what members wrote to its pages goes to the file.
pub fn before_read(file: impl AsFd, off: u64, len: usize) {
    if let Some(pages) = find(file) {
        // What cannot be written (no space) stays in the pages; the reader sees the file's.
        let _ = pages.flush(off, len as u64);
    }
}

/// Before the monitor changes bytes of a file itself: other bytes of the same pages may have been changed by members.
pub fn before_write(file: impl AsFd, off: u64, len: u64) {
    before_read(file, off, usize::try_from(len).unwrap_or(usize::MAX));
}

/// The monitor changed these bytes of a file: its pages follow.
pub fn changed(file: impl AsFd, off: u64, len: u64) {
    if let Some(pages) = find(file) {
        pages.refresh(off, len);
    }
}

/// The files that lost pages since this was asked last: members are to let go of what they have of them.
pub fn take_cut() -> Vec<Rc<FilePages>> {
    CUT.take()
}

/// The commons are gone: members are to let go of what they have of them.
pub fn leave_commons() {
    let all: Vec<Rc<FilePages>> =
        FILES.with_borrow(|files| files.values().filter_map(Weak::upgrade).collect());
    all.iter().for_each(FilePages::leave_common);
}

fn find(file: impl AsFd) -> Option<Rc<FilePages>> {
    FILES.with_borrow(|files| {
        if files.is_empty() {
            return None;
        }
        let stat = fstat(file).ok()?;
        files.get(&(stat.st_dev, stat.st_ino))?.upgrade()
    })
}

impl FilePages {
    /// The pages of an open file, as it is now. One that is `fixed` nobody in the family can write.
    pub fn of(holder: &Rc<Holder>, file: OwnedFd, writable: bool, fixed: bool) -> Result<Rc<Self>, Errno> {
        let stat = fstat(&file).map_err(errno)?;
        let key = (stat.st_dev, stat.st_ino);
        if let Some(known) = FILES.with_borrow(|files| files.get(&key).and_then(Weak::upgrade)) {
            if writable {
                *known.file.borrow_mut() = file;
            }
            known.revalidate(&stat);
            known.enter_common(&stat, fixed);
            return Ok(known);
        }
        let new = Rc::new(Self {
            holder: holder.clone(),
            key,
            file: RefCell::new(file),
            windows: RefCell::default(),
            fixed: Cell::new(true),
            common: RefCell::default(),
            pages: RefCell::default(),
            seen: Cell::new(state(&stat)),
        });
        FILES.with_borrow_mut(|files| files.insert(key, Rc::downgrade(&new)));
        new.enter_common(&stat, fixed);
        Ok(new)
    }

    /// From here on the pages are the commons' if they can be.
    fn enter_common(self: &Rc<Self>, stat: &Stat, fixed: bool) {
        let fixed = self.fixed.get() && fixed;
        self.fixed.set(fixed);
        if self.common.borrow().as_ref().is_some_and(|common| fixed && common.is(stat)) {
            return;
        }
        self.leave_common();
        if fixed && let Some(commons) = self.holder.commons() {
            *self.common.borrow_mut() = CommonFile::of(commons, stat);
        }
    }

    /// From here on they are the family's own. Who has any of the commons is told to let go of it.
    fn leave_common(self: &Rc<Self>) {
        let mut pages = self.pages.borrow_mut();
        let known = pages.len();
        pages.retain(|_, p| !p.frame.is_common());
        if pages.len() != known {
            self.tell_cut();
        }
        drop(pages);
        self.common.take();
    }

    /// Pages of a run that are not known yet, as far as the commons have them or take them.
    fn take_common(self: &Rc<Self>, pages: Range<u64>) {
        let mut common = self.common.borrow_mut();
        let Some(file) = &mut *common else { return };
        // What is not found is the family's own.
        match file.frames(self.file.borrow().as_fd(), pages) {
            Ok(found) => {
                let found = found.into_iter().map(|(n, frame)| (n, Page { frame, written: false }));
                self.pages.borrow_mut().extend(found);
            }
            Err(_) => *common = None,
        }
    }

    /// How many pages the file has.
    pub fn count(&self) -> Result<u64, Errno> {
        let size = fstat(&*self.file.borrow()).map_err(errno)?.st_size as u64;
        Ok(size.div_ceil(PAGE as u64))
    }

    /// The frame of a page, which the file has.
    pub fn frame(self: &Rc<Self>, page: u64, write: bool) -> Result<Rc<Frame>, Errno> {
        if let Some(frame) = self.known(page, write) {
            return Ok(frame);
        }
        if !write {
            self.take_common(page..page + 1);
        }
        self.known(page, write).map_or_else(|| self.own(page, write), Ok)
    }

    fn known(&self, page: u64, write: bool) -> Option<Rc<Frame>> {
        let mut pages = self.pages.borrow_mut();
        let p = pages.get_mut(&page).filter(|p| !write || !p.frame.is_common())?;
        p.written |= write;
        Some(p.frame.clone())
    }

    /// The frame of a page that is to be the family's own.
    pub fn own(&self, page: u64, write: bool) -> Result<Rc<Frame>, Errno> {
        let frame = self.holder.frame()?;
        self.take_in(page, vec![frame.clone()], write)?;
        Ok(frame)
    }

    /// Makes pages ready that the file has and [`FilePages::frame`] is asked for next: those in a row are mapped and read
    /// together. Where it fails, `frame` meets the reason.
    pub fn bring(self: &Rc<Self>, pages: Range<u64>) {
        let missing = |page: &u64| !self.pages.borrow().contains_key(page);
        let mut at = pages.start;
        while at < pages.end {
            let count = (at..pages.end).take_while(missing).count() as u64;
            if count > 0 {
                self.take_common(at..at + count);
            }
            at += count.max(1);
        }
        at = pages.start;
        while at < pages.end {
            let end = pages.end.min((at / CHUNK + 1) * CHUNK);
            let count = (at..end).take_while(missing).count() as u64;
            if count > 1 {
                let frames: Result<Vec<_>, _> = (0..count).map(|_| self.holder.frame()).collect();
                if frames.and_then(|frames| self.take_in(at, frames, false)).is_err() {
                    return;
                }
            }
            at += count.max(1);
        }
    }

    /// Fills fresh frames from the file and makes them its pages from `first` on, all in one window.
    fn take_in(&self, first: u64, frames: Vec<Rc<Frame>>, write: bool) -> Result<(), Errno> {
        let gfns: Vec<u64> = frames.iter().map(|frame| frame.gfn).collect();
        let (window, at) = (self.window(first / CHUNK)?, (first % CHUNK) as usize);
        window.map(at, self.holder.domain(), &gfns)?;
        if let Err(e) = self.read(&*window, at, first, gfns.len()) {
            window.unmap(at, gfns.len())?;
            return Err(e);
        }
        let pages = frames.into_iter().map(|frame| Page { frame, written: write });
        self.pages.borrow_mut().extend((first..).zip(pages));
        Ok(())
    }

    /// Writes pages back that members may have changed, as far as they hold any of these bytes.
    pub fn flush(&self, off: u64, len: u64) -> Result<(), Errno> {
        let mut pages = self.pages.borrow_mut();
        let range = touched(off, len);
        if !pages.range(range.clone()).any(|(_, p)| p.written) {
            return Ok(());
        }
        let file = self.file.borrow();
        let size = fstat(&*file).map_err(errno)?.st_size as u64;
        for (page, p) in pages.range_mut(range).filter(|(_, p)| p.written) {
            let start = page * PAGE as u64;
            let end = size.min(start + PAGE as u64);
            let bytes = fetch(&*self.window(page / CHUNK)?, (page % CHUNK) as usize);
            let mut done = start;
            while done < end {
                let part = &bytes[(done - start) as usize..(end - start) as usize];
                match pwrite(&*file, part, done).map_err(errno)? {
                    0 => return Err(Errno::ENOSPC),
                    n => done += n as u64,
                }
            }
            // A page that somebody has now can change again; one that only we have cannot.
            p.written = Rc::strong_count(&p.frame) > 1;
        }
        drop(pages);
        self.remember();
        Ok(())
    }

    /// Reads pages anew that hold any of these bytes; those behind the file's end go.
    fn refresh(self: &Rc<Self>, off: u64, len: u64) {
        self.leave_common();
        self.cut();
        let known: Vec<u64> = self.pages.borrow().range(touched(off, len)).map(|(n, _)| *n).collect();
        for page in known {
            if let (Ok(bytes), Ok(window)) = (self.load(page), self.window(page / CHUNK)) {
                store(&*window, (page % CHUNK) as usize, &bytes);
            }
        }
        self.remember();
    }

    fn cut(self: &Rc<Self>) {
        let Ok(stat) = fstat(&*self.file.borrow()) else { return };
        let gone = self.pages.borrow_mut().split_off(&(stat.st_size as u64).div_ceil(PAGE as u64));
        if gone.is_empty() {
            return;
        }
        for page in gone.keys() {
            if let Ok(window) = self.window(page / CHUNK) {
                // A window that cannot be changed keeps a frame that nobody uses.
                let _ = window.unmap((page % CHUNK) as usize, 1);
            }
        }
        self.tell_cut();
    }

    fn tell_cut(self: &Rc<Self>) {
        CUT.with_borrow_mut(|cut| {
            if !cut.iter().any(|known| Rc::ptr_eq(known, self)) {
                cut.push(self.clone());
            }
        });
    }

    /// Takes over what others on the host changed in the file since it was looked at.
    fn revalidate(self: &Rc<Self>, now: &Stat) {
        if state(now) != self.seen.get() {
            // What cannot be written back now is tried again later.
            let _ = self.flush(0, u64::MAX);
            self.refresh(0, u64::MAX);
        }
    }

    fn remember(&self) {
        if let Ok(stat) = fstat(&*self.file.borrow()) {
            self.seen.set(state(&stat));
        }
    }

    /// A page's bytes from the file; zeroes behind its end.
    fn load(&self, page: u64) -> Result<[u8; PAGE], Errno> {
        let mut bytes = [0; PAGE];
        let mut done = 0;
        while done < PAGE {
            match pread(&*self.file.borrow(), &mut bytes[done..], page * PAGE as u64 + done as u64) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(errno(e)),
            }
        }
        Ok(bytes)
    }

    /// Reads pages from the file to a window's; zeroes behind its end.
    fn read(&self, window: &dyn Window, at: usize, first: u64, count: usize) -> Result<(), Errno> {
        read_file(window, at, count, self.file.borrow().as_fd(), first * PAGE as u64)
    }

    /// Copies pages that the file has to pages of another window: those that members may have changed as they are.
    pub fn copy(&self, first: u64, to: &dyn Window, at: usize, count: usize) -> Result<(), Errno> {
        let mut done = 0;
        while done < count {
            let page = first + done as u64;
            let own = |page: u64| self.pages.borrow().get(&page).is_some_and(|p| !p.frame.is_common());
            if own(page) {
                store(to, at + done, &fetch(&*self.window(page / CHUNK)?, (page % CHUNK) as usize));
                done += 1;
                continue;
            }
            let run = (done..count).take_while(|i| !own(first + *i as u64)).count();
            self.read(to, at + done, page, run)?;
            done += run;
        }
        Ok(())
    }

    fn window(&self, chunk: u64) -> Result<Rc<dyn Window>, Errno> {
        if let Some(window) = self.windows.borrow().get(&chunk) {
            return Ok(window.clone());
        }
        let window = self.holder.hyper().window(CHUNK as usize)?;
        self.windows.borrow_mut().insert(chunk, window.clone());
        Ok(window)
    }
}

impl Drop for FilePages {
    fn drop(&mut self) {
        // Nobody is left who could be told of a failure; close(2) tells none either.
        let _ = self.flush(0, u64::MAX);
        FILES.with_borrow_mut(|files| {
            if files.get(&self.key).is_some_and(|w| w.strong_count() == 0) {
                files.remove(&self.key);
            }
        });
    }
}

fn state(stat: &Stat) -> (i64, u64, u64) {
    (stat.st_mtime, stat.st_mtime_nsec, stat.st_size as u64)
}

/// Numbers of the pages that hold bytes of the range.
fn touched(off: u64, len: u64) -> Range<u64> {
    let end = off.saturating_add(len);
    off / PAGE as u64..end.div_ceil(PAGE as u64)
}

fn errno(e: rustix::io::Errno) -> Errno {
    Errno(e.raw_os_error())
}
