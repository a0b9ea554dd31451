//! The address space: what is mapped where, the page tables, the frames behind them. Its parts: faults in `fault`, a
//! clone's two sides in `clone`; here what the kernel asks for.

pub mod clone;
mod fault;
mod frozen;

use alloc::vec::Vec;

use abi::mm::PAGE_SIZE;
use platform::machine::Usage;
use platform::{Backing, MemError, Prot};
use protocol::xen::{
    ASK_DROP, ASK_SYNC, NOTICE_CLOSE, NOTICE_CUT, NOTICE_DROPPED, NOTICE_PULLED, NOTICE_SHED, NOTICE_TOUCHED,
    PageGrant,
};

use crate::ahead::Ahead;
use crate::frames::{FrameTable, Words};
use crate::grants::{AROUND, Grants, Page, Premapped};
use crate::layout::{APP, OWN, STACKS, VIEWS, direct};
use crate::tables::{self, CLEAN, COW, GRANT, GRANT_WRITABLE, PRESENT, REMOTE, Tables, USER, WRITABLE};
use crate::vmas::{Vma, Vmas};
use crate::{boot, cpu, door, hot, hypercall, kmem, layout, snapshot};

/// Frames populated at a time.
const AHEAD: usize = 16;
/// Free frames beyond this many go back to Xen.
const KEEP_FREE: u32 = 256;
/// Numbers in one hypercall.
const BATCH: usize = 128;
/// More pages than this are forgotten by the translation cache all at once.
const FLUSH_ALL: usize = 32;

/// What kind of access faulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
    Fetch,
}

/// Why a fault cannot be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bad {
    Unmapped,
    Rights,
    /// The region has no such page (a file that was truncated).
    Gone,
    NoMemory,
}

/// The words of the frame table: pages of the kernel, one for 512 frames, made when first needed.
struct Chunks([u32; CHUNKS]);
const PER_CHUNK: u32 = (PAGE_SIZE / 8) as u32;
const CHUNKS: usize = ((OWN.1 - OWN.0) / PER_CHUNK) as usize;

impl Chunks {
    fn at(&self, frame: u32) -> Option<*mut u64> {
        let (chunk, slot) = ((frame - OWN.0) / PER_CHUNK, (frame - OWN.0) % PER_CHUNK);
        let page = *self.0.get(chunk as usize)?;
        (page != 0).then(|| (direct(page) + slot as usize * 8) as *mut u64)
    }
}

impl Words for Chunks {
    fn get(&self, frame: u32) -> u64 {
        // SAFETY: the chunk's page is the kernel's, for good.
        self.at(frame).map_or(0, |word| unsafe { word.read() })
    }
    fn set(&mut self, frame: u32, value: u64) {
        if let Some(word) = self.at(frame) {
            // SAFETY: as in `get`.
            unsafe { word.write(value) };
        }
    }
    fn prepare(&mut self, frame: u32) -> bool {
        let chunk = &mut self.0[((frame - OWN.0) / PER_CHUNK) as usize];
        if *chunk == 0 {
            *chunk = kmem::alloc_zeroed().unwrap_or(0);
        }
        *chunk != 0
    }
}

/// Page tables in the kernel's frames.
struct Live;

impl Tables for Live {
    fn table(&mut self, frame: u32) -> &mut [u64; tables::ENTRIES] {
        // SAFETY: a table's frame is in the direct map and reached only here, under the space's lock.
        unsafe { &mut *(direct(frame) as *mut [u64; tables::ENTRIES]) }
    }
    fn new_table(&mut self) -> Option<u32> {
        kmem::alloc_zeroed()
    }
    fn free_table(&mut self, frame: u32) {
        kmem::free_run(frame, 1);
    }
}

/// All of it.
struct Space {
    root: u32,
    vmas: Vmas,
    frames: FrameTable<Chunks>,
    grants: Grants,
    /// By the frame of a table of pages that is frozen whole: the first clone that froze it.
    frozen: Vec<u32>,
    /// Own frames that are mapped, now and at most.
    resident: u32,
    peak: u32,
    faults: u64,
    /// Pages of ancestors, which are copied.
    pulls: Ahead,
    /// Pages that other clones touched next.
    hints: fault::Pages,
    /// Pages of files that are code, which are copied.
    code: Ahead,
    /// Other pages of files, which are granted.
    around: Ahead,
    /// Pages of shared regions, which are granted.
    shared: Ahead,
}

static SPACE: spin::Mutex<Space> = spin::Mutex::new(Space {
    root: 0,
    vmas: Vmas::new(),
    frames: FrameTable::new(Chunks([0; CHUNKS]), OWN.0, OWN.1),
    grants: Grants::new(),
    frozen: Vec::new(),
    resident: 0,
    peak: 0,
    faults: 0,
    pulls: Ahead::new(fault::PULL),
    hints: fault::Pages::NONE,
    code: Ahead::new(AROUND),
    around: Ahead::new(AROUND),
    shared: Ahead::new(fault::AROUND_SHARED),
});

/// Makes the member's root table, whose upper half is the boot tables', and loads it; false when there is no memory.
pub fn init() -> bool {
    let Some(root) = kmem::alloc_zeroed() else { return false };
    let boot = boot::root() as *const [u64; tables::ENTRIES];
    // SAFETY: the boot root is static; nobody changes it any more.
    Live.table(root)[tables::ENTRIES / 2..].copy_from_slice(unsafe { &(&(*boot))[tables::ENTRIES / 2..] });
    SPACE.lock().root = root;
    cpu::load_root(root);
    true
}

/// The member rests: what it can have again goes back.
pub fn rest() {
    SPACE.lock().rest();
}

/// Calls `each` with the app's own frames that no clone wants.
pub fn private(each: &mut dyn FnMut(u32)) {
    let mut space = SPACE.lock();
    space.open(APP.0, APP.1);
    let Space { frames, root, .. } = &mut *space;
    tables::walk(&mut Live, *root, APP.0, APP.1, false, &mut |_, entry| {
        if *entry & (REMOTE | GRANT) == 0 && !frames.is_frozen(tables::frame(*entry)) {
            each(tables::frame(*entry));
        }
    });
}

/// Calls `each` with the frames of the tables of the kernel's half, but for those that lie in the image.
pub fn kernel_tables(each: &mut dyn FnMut(u32)) {
    let space = SPACE.lock();
    each(space.root);
    for (start, end) in [VIEWS, STACKS] {
        tables::tables_of(&mut Live, space.root, start, end, each);
    }
}

/// Resolves a fault of the app, or of ours in the app's memory or in a view.
pub fn fault(addr: usize, access: Access) -> Result<(), Bad> {
    let Some(mut space) = SPACE.try_lock() else {
        panic!("a fault at {addr:#x} while the address space was being changed");
    };
    space.faults += 1;
    space.fault(addr, access)
}

/// Takes the monitor's notices.
pub fn take_notices() {
    if door::has_notices() {
        SPACE.lock().take_notices();
    }
}

impl Space {
    fn take_notices(&mut self) {
        door::notices(&mut |kind, arg| self.take_notice(kind, arg));
    }

    fn take_notice(&mut self, kind: u64, arg: u64) {
        match kind {
            NOTICE_DROPPED => self.frames.dropped(arg),
            NOTICE_CUT => {
                self.let_go(Some(arg));
            }
            NOTICE_SHED => {
                self.let_go(None);
            }
            NOTICE_PULLED => return snapshot::pulled(arg),
            NOTICE_TOUCHED => return hot::touched(arg as usize),
            NOTICE_CLOSE => return hypercall::close_port(arg as u32),
            _ => {}
        }
        self.settle();
    }

    /// A fresh own frame; its contents are undefined.
    fn new_frame(&mut self) -> Result<u32, Bad> {
        if let Some(frame) = self.frames.take_free() {
            return Ok(frame);
        }
        let mut gfns = [0; AHEAD];
        let mut n = 0;
        while n < AHEAD
            && let Some(frame) = self.frames.take_number()
        {
            gfns[n] = frame.into();
            n += 1;
        }
        let got = hypercall::populate(&gfns[..n]);
        for (i, gfn) in gfns[..n].iter().enumerate().rev() {
            if i < got {
                self.frames.put_free(*gfn as u32);
            } else {
                self.frames.put_number(*gfn as u32);
            }
        }
        self.frames.take_free().ok_or(Bad::NoMemory)
    }

    /// The bits of a present entry for a page of a range, without the right to write.
    fn bits(addr: usize, vma: &Vma) -> u64 {
        let mut bits = if vma.prot.is_empty() { 0 } else { PRESENT };
        if addr < APP.1 {
            bits |= USER;
        }
        if !vma.prot.contains(Prot::EXEC) {
            bits |= tables::NO_EXECUTE;
        }
        bits | tables::ACCESSED | tables::DIRTY
    }

    fn set(&mut self, addr: usize, entry: u64) -> Result<(), Bad> {
        self.open(addr, addr + 1);
        if tables::set(&mut Live, self.root, addr, entry) { Ok(()) } else { Err(Bad::NoMemory) }
    }

    fn get(&self, addr: usize) -> u64 {
        tables::get(&mut Live, self.root, addr)
    }

    /// Puts an own frame in place; `clean` is [`CLEAN`] or 0.
    fn set_own(&mut self, addr: usize, frame: u32, vma: &Vma, clean: u64) -> Result<(), Bad> {
        let rights = if vma.prot.contains(Prot::WRITE) { WRITABLE } else { clean };
        self.set(addr, tables::to(frame) | Self::bits(addr, vma) | rights)?;
        self.resident += 1;
        self.peak = self.peak.max(self.resident);
        Ok(())
    }

    /// Lets go of whatever an entry names.
    fn release(frames: &mut FrameTable<Chunks>, grants: &mut Grants, resident: &mut u32, entry: u64) {
        let frame = tables::frame(entry);
        if entry & REMOTE != 0 {
            frames.release_remote(frame);
        } else if entry & GRANT != 0 {
            grants.release(frame);
        } else {
            frames.release(frame);
            *resident -= 1;
        }
    }

    /// Empties the entries of a range.
    fn empty(&mut self, start: usize, end: usize) {
        self.open(start, end);
        let Self { frames, grants, resident, .. } = self;
        let mut pages = 0;
        tables::walk(&mut Live, self.root, start, end, true, &mut |addr, entry| {
            Self::release(frames, grants, resident, *entry);
            *entry = 0;
            pages += 1;
            if pages <= FLUSH_ALL {
                cpu::flush_page(addr);
            }
        });
        if pages > FLUSH_ALL {
            cpu::flush_app();
        }
    }

    /// Empties the app's entries that name pages of a region, or of any, and gives the pages back: they come again when they
    /// are touched. False when there are none.
    fn let_go(&mut self, region: Option<u64>) -> bool {
        let mut any = false;
        for (at, vma) in self.vmas.within(APP.0, APP.1) {
            if !matches!(vma.backing, Backing::Region { id, .. } if region.is_none_or(|region| region == id))
            {
                continue;
            }
            let Self { grants, .. } = self;
            tables::walk(&mut Live, self.root, at, vma.end, false, &mut |_, entry| {
                if *entry & (GRANT | REMOTE) == GRANT {
                    grants.release(tables::frame(*entry));
                    *entry = 0;
                    any = true;
                }
            });
        }
        cpu::flush_app();
        self.grants.tidy(true);
        any
    }

    /// What becomes due when something was let go: frames and grants go back, tokens are dropped.
    fn settle(&mut self) {
        self.grants.tidy(false);
        self.trim();
        self.drop_tokens();
    }

    fn drop_tokens(&mut self) {
        while let Some(token) = self.frames.take_unwanted() {
            door::ask(ASK_DROP, &[token]);
        }
    }

    /// Gives free frames back to Xen if there are far more than are kept.
    fn trim(&mut self) {
        if self.frames.free_count() > KEEP_FREE + BATCH as u32 {
            self.trim_to(KEEP_FREE);
        }
    }

    /// Gives free frames back to Xen, but for so many.
    fn trim_to(&mut self, keep: u32) {
        let mut gfns = [0; BATCH];
        while self.frames.free_count() > keep {
            let n = BATCH.min((self.frames.free_count() - keep) as usize);
            for gfn in &mut gfns[..n] {
                *gfn = self.frames.take_free().unwrap_or(0).into();
            }
            // SAFETY: the frames are free.
            unsafe { hypercall::unpopulate(&gfns[..n]) };
            for gfn in &gfns[..n] {
                self.frames.put_number(*gfn as u32);
            }
        }
    }

    /// Lets go of copies that can be had again, and of all free frames.
    fn rest(&mut self) {
        self.open(APP.0, APP.1);
        let Self { frames, grants, resident, root, .. } = self;
        tables::walk(&mut Live, *root, APP.0, APP.1, false, &mut |_, entry| {
            let clean = *entry & (CLEAN | REMOTE | GRANT) == CLEAN;
            if clean && !frames.is_frozen(tables::frame(*entry)) {
                Self::release(frames, grants, resident, *entry);
                *entry = 0;
            }
        });
        cpu::flush_app();
        self.trim_to(0);
    }

    fn protect(&mut self, start: usize, end: usize, prot: Prot) {
        self.open(start, end);
        self.vmas.protect(start, end, prot);
        let mut pages = 0;
        for (at, vma) in self.vmas.within(start, end) {
            let Self { frames, grants, resident, .. } = self;
            tables::walk(&mut Live, self.root, at, vma.end, false, &mut |addr, entry| {
                pages += 1;
                if pages <= FLUSH_ALL {
                    cpu::flush_page(addr);
                }
                if *entry & REMOTE != 0 {
                    return;
                }
                let clean = if prot.contains(Prot::WRITE) { 0 } else { CLEAN };
                let keep = *entry & (tables::to(u32::MAX) | COW | GRANT | GRANT_WRITABLE | clean);
                let may_write = match *entry & GRANT != 0 {
                    true => vma.is_shared() && *entry & GRANT_WRITABLE != 0,
                    false => *entry & COW == 0,
                };
                if vma.is_shared() && prot.contains(Prot::WRITE) && !may_write {
                    // It was granted for reading: the next touch asks anew.
                    Self::release(frames, grants, resident, *entry);
                    *entry = 0;
                    return;
                }
                let writable = if may_write && prot.contains(Prot::WRITE) { WRITABLE } else { 0 };
                let data = if *entry & GRANT != 0 { tables::NO_EXECUTE } else { 0 };
                *entry = keep | Self::bits(addr, &vma) | writable | data;
            });
        }
        if pages > FLUSH_ALL {
            cpu::flush_app();
        }
    }

    fn move_pages(&mut self, old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError> {
        let pieces = self.vmas.within(old, old + old_len);
        if old != new {
            self.empty(new, new + new_len);
            self.vmas.remove(new, new + new_len);
            self.open(old, old + old_len);
            let mut entries = Vec::new();
            tables::walk(&mut Live, self.root, old, old + old_len, true, &mut |addr, entry| {
                entries.push((addr, *entry));
                *entry = 0;
            });
            cpu::flush_app();
            self.vmas.remove(old, old + old_len);
            for (addr, entry) in entries {
                if self.set(addr - old + new, entry).is_err() {
                    let Self { frames, grants, resident, .. } = self;
                    Self::release(frames, grants, resident, entry);
                }
            }
        }
        let last = pieces.len().saturating_sub(1);
        for (i, (at, vma)) in pieces.into_iter().enumerate() {
            let end = if i == last { new + new_len } else { vma.end - old + new };
            self.vmas.insert(at - old + new, Vma { end, ..vma });
        }
        self.settle();
        Ok(())
    }
}

/// Maps over whatever was there; the range was checked.
pub fn map(addr: usize, len: usize, prot: Prot, backing: Backing) {
    let mut space = SPACE.lock();
    space.empty(addr, addr + len);
    space.vmas.insert(addr, Vma { end: addr + len, prot, backing });
    space.settle();
}

/// The frame that is mapped at an address, if any is.
pub fn frame_at(addr: usize) -> Option<u32> {
    let entry = SPACE.lock().get(addr);
    (entry & PRESENT != 0).then(|| tables::frame(entry))
}

/// See `Machine::protect`.
pub fn protect(addr: usize, len: usize, prot: Prot) {
    SPACE.lock().protect(addr, addr + len, prot);
}

/// See `Machine::unmap`.
pub fn unmap(addr: usize, len: usize) {
    let mut space = SPACE.lock();
    space.empty(addr, addr + len);
    space.vmas.remove(addr, addr + len);
    space.settle();
}

/// See `Machine::move_pages`.
pub fn move_pages(old: usize, old_len: usize, new: usize, new_len: usize) -> Result<(), MemError> {
    SPACE.lock().move_pages(old, old_len, new, new_len)
}

/// See `Machine::discard`.
pub fn discard(addr: usize, len: usize) {
    let mut space = SPACE.lock();
    space.empty(addr, addr + len);
    space.settle();
}

/// See `Machine::sync`: the monitor writes what is in shared pages to their files.
pub fn sync(addr: usize, len: usize) -> Result<(), MemError> {
    let space = SPACE.lock();
    for (at, vma) in space.vmas.within(addr, addr + len) {
        if let Backing::Region { id, offset, shared: true } = vma.backing {
            let (first, count) = (offset / PAGE_SIZE as u64, ((vma.end - at) / PAGE_SIZE) as u64);
            if door::ask(ASK_SYNC, &[id, first, count]) < 0 {
                return Err(MemError::Denied);
            }
        }
    }
    Ok(())
}

/// See `Machine::resident`.
pub fn resident(addr: usize, out: &mut [u8]) {
    let space = SPACE.lock();
    for (i, page) in out.iter_mut().enumerate() {
        *page = (space.get(addr + i * PAGE_SIZE) != 0).into();
    }
}

/// Maps fresh frames for the kernel; false when there is no memory.
pub fn map_kernel(addr: usize, pages: usize) -> bool {
    let space = SPACE.lock();
    for i in 0..pages {
        let Some(frame) = kmem::alloc_zeroed() else { return false };
        let entry =
            tables::to(frame) | PRESENT | WRITABLE | tables::NO_EXECUTE | tables::ACCESSED | tables::DIRTY;
        if !tables::set(&mut Live, space.root, addr + i * PAGE_SIZE, entry) {
            kmem::free_run(frame, 1);
            return false;
        }
    }
    true
}

/// Undoes [`map_kernel`], as far as it came.
pub fn unmap_kernel(addr: usize, pages: usize) {
    let space = SPACE.lock();
    tables::walk(&mut Live, space.root, addr, addr + pages * PAGE_SIZE, false, &mut |addr, entry| {
        kmem::free_run(tables::frame(*entry), 1);
        *entry = 0;
        cpu::flush_page(addr);
    });
}

/// Puts pages of regions that are mapped already in their place in a view: the first of the view, and what is mapped.
pub fn preload(list: &[(usize, Premapped)]) -> Result<(), Bad> {
    let mut space = SPACE.lock();
    for (view, mapped) in list {
        let addr = view + mapped.page.index as usize * PAGE_SIZE;
        let Some((_, vma)) = space.vmas.at(addr) else { return Err(Bad::Unmapped) };
        space.grants.adopt(mapped);
        space.set_grant(addr, mapped.frame, mapped.page.writable, &vma)?;
    }
    Ok(())
}

/// Maps pages of a region that were granted, from `first` on, at their place in a view.
pub fn map_pages(view: usize, first: Page, list: &[PageGrant]) -> Result<(), Bad> {
    let mut space = SPACE.lock();
    let (frames, n) = space.grants.map(first, list)?;
    let addr = view + first.index as usize * PAGE_SIZE;
    let (_, vma) = space.vmas.at(addr).ok_or(Bad::Unmapped)?;
    for (i, frame) in frames[..n].iter().enumerate() {
        space.set_grant(addr + i * PAGE_SIZE, *frame, first.writable, &vma)?;
    }
    Ok(())
}

/// What is known of the member's use.
pub fn usage() -> Usage {
    let space = SPACE.lock();
    Usage {
        max_rss_kib: u64::from(space.peak) * (PAGE_SIZE as u64 / 1024),
        minor_faults: space.faults,
        ..Usage::default()
    }
}

/// At the end of a member: gives back what no clone wants, if some want the rest.
pub fn give_back() {
    let mut space = SPACE.lock();
    space.grants.tidy(true);
    if !space.frames.has_tokens_out() {
        return;
    }
    space.open(APP.0, APP.1);
    let mut gfns = [0; BATCH];
    let mut n = 0;
    let flush = |gfns: &[u64]| {
        // SAFETY: the app does not run any more, and no token names the frames.
        unsafe { hypercall::unpopulate(gfns) };
    };
    space.frames.unfrozen(|frame| {
        gfns[n] = frame.into();
        n += 1;
        if n == BATCH {
            flush(&gfns);
            n = 0;
        }
    });
    flush(&gfns[..n]);
}

const _: () = assert!(layout::OWN.1 <= layout::GRANTS.0);
