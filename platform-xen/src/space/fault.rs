//! Page faults: the first touch of a page, a write to one that may be frozen, an ancestor's page.

use abi::mm::PAGE_SIZE;
use platform::{Backing, Prot};
use protocol::xen::{ASK_FRAMES, COPIES, PageGrant};

use super::{Access, Bad, Space};
use crate::grants::{AROUND, Page};
use crate::layout::{APP, direct};
use crate::tables::{self, CLEAN, COW, GRANT, GRANT_WRITABLE, PRESENT, REMOTE, WRITABLE};
use crate::vmas::{Vma, region_page};
use crate::{cpu, door, hypercall};

/// An ancestor's pages come in aligned blocks of at most so many.
pub(super) const PULL: usize = 32;
/// Pages of code that come with one, at first: a copy too many is let go of when the member rests.
const FEW_CODE: usize = 4;
/// Pages of a file that come with one that is only read, at first: to map one costs a fifth of a question.
const FEW_AROUND: usize = 4;
/// Pages that come with one of a view of the kernel's, or of a shared mapping, at first and at most: rings and the like are
/// touched in part.
const FEW_SHARED: usize = 2;
pub(super) const AROUND_SHARED: usize = 4;

impl Space {
    /// Resolves a fault.
    pub(super) fn fault(&mut self, addr: usize, access: Access) -> Result<(), Bad> {
        let (start, vma) = self.vmas.at(addr).ok_or(Bad::Unmapped)?;
        let allowed = match access {
            Access::Read => !vma.prot.is_empty(),
            Access::Write => vma.prot.contains(Prot::WRITE),
            Access::Fetch => vma.prot.contains(Prot::EXEC),
        };
        if !allowed {
            return Err(Bad::Rights);
        }
        let page = addr & !(PAGE_SIZE - 1);
        if access == Access::Write {
            // A clone may be no more: what it named need not be copied.
            self.take_notices();
            self.open(page, page + PAGE_SIZE);
        }
        let entry = self.get(page);
        if entry == 0 {
            self.first_touch(page, start, &vma, access)
        } else if entry & REMOTE != 0 {
            self.pull(page, &vma)
        } else if access == Access::Fetch && entry & GRANT != 0 {
            self.empty(page, page + PAGE_SIZE);
            self.first_touch(page, start, &vma, access)
        } else if access == Access::Write && entry & WRITABLE == 0 {
            self.write(page, start, &vma, entry)
        } else {
            // The entry allows it; an older one was still cached.
            cpu::flush_page(page);
            Ok(())
        }
    }

    fn first_touch(&mut self, page: usize, start: usize, vma: &Vma, access: Access) -> Result<(), Bad> {
        let Backing::Region { id, offset, shared } = vma.backing else {
            let frame = self.new_frame()?;
            // SAFETY: the frame is fresh.
            unsafe { (direct(frame) as *mut u8).write_bytes(0, PAGE_SIZE) };
            return self.set_own(page, frame, vma, 0);
        };
        let index = region_page(start, page, offset);
        let code = access == Access::Fetch || !shared && vma.prot.contains(Prot::EXEC);
        if code || !shared && access == Access::Write {
            let most = if code { self.code.pages(page, FEW_CODE).min(COPIES) } else { 1 };
            if code {
                self.code.came(page..page + most * PAGE_SIZE);
            }
            return self.copy(page, Page { id, index, writable: false }, vma, most);
        }
        let writable = shared && vma.prot.contains(Prot::WRITE);
        let wanted = Page { id, index, writable };
        if let Some(frame) = self.grants.share(wanted) {
            return self.set_grant(page, frame, writable, vma);
        }
        let (ahead, few) = match shared || page >= APP.1 {
            true => (&mut self.shared, FEW_SHARED),
            false => (&mut self.around, FEW_AROUND),
        };
        let most = ahead.pages(page, few);
        ahead.came(page..page + most * PAGE_SIZE);
        let mut count = 1;
        while count < most {
            let next = page + count * PAGE_SIZE;
            let known = Page { index: index + count as u64, ..wanted };
            if next >= vma.end || self.get(next) != 0 || self.grants.has(known) {
                break;
            }
            count += 1;
        }
        let fetched = match self.grants.fetch(wanted, count) {
            Err(Bad::NoMemory) if self.let_go(None) => self.grants.fetch(wanted, 1),
            fetched => fetched,
        };
        let (frames, n) = fetched?;
        for (i, frame) in frames[..n].iter().enumerate() {
            self.set_grant(page + i * PAGE_SIZE, *frame, writable, vma)?;
        }
        self.grants.tidy(false);
        Ok(())
    }

    /// Copies a region's page, and up to `most` in all that are missing, to own frames. Xen does not let a domain execute
    /// what it has mapped of another, so this is how code comes in.
    fn copy(&mut self, page: usize, first: Page, vma: &Vma, most: usize) -> Result<(), Bad> {
        let mut to = [0; AROUND];
        let mut count = 0;
        while count < most
            && page + count * PAGE_SIZE < vma.end
            && (count == 0 || self.get(page + count * PAGE_SIZE) == 0)
            && let Ok(frame) = self.new_frame()
        {
            to[count] = frame;
            count += 1;
        }
        let copied = match count {
            0 => Err(Bad::NoMemory),
            _ => match self.grants.copy(first, &to[..count]) {
                Err(Bad::NoMemory) if self.let_go(None) => self.grants.copy(first, &to[..1]),
                copied => copied,
            },
        };
        let good = copied.unwrap_or(0);
        for frame in &to[good..count] {
            self.frames.release(*frame);
        }
        copied?;
        for (i, frame) in to[..good].iter().enumerate() {
            self.set_own(page + i * PAGE_SIZE, *frame, vma, CLEAN)?;
        }
        self.grants.tidy(false);
        Ok(())
    }

    /// Puts a region's page in place.
    pub(super) fn set_grant(
        &mut self,
        addr: usize,
        frame: u32,
        writable: bool,
        vma: &Vma,
    ) -> Result<(), Bad> {
        let rights = if writable { WRITABLE | GRANT_WRITABLE } else { 0 };
        self.set(addr, tables::to(frame) | Self::bits(addr, vma) | tables::NO_EXECUTE | GRANT | rights)
    }

    /// A write to a page that is there, in a range that may be written to.
    fn write(&mut self, page: usize, start: usize, vma: &Vma, entry: u64) -> Result<(), Bad> {
        let old = tables::frame(entry);
        if entry & GRANT != 0 && vma.is_shared() {
            // It was granted for reading.
            self.empty(page, page + PAGE_SIZE);
            return self.first_touch(page, start, vma, Access::Write);
        }
        if entry & GRANT == 0 && (entry & COW == 0 || !self.frames.is_frozen(old)) {
            self.set(page, entry & !(COW | CLEAN) | WRITABLE | PRESENT)?;
            cpu::flush_page(page);
            return Ok(());
        }
        let new = self.new_frame()?;
        // SAFETY: the new frame is fresh; the old one is mapped and does not change.
        unsafe {
            core::ptr::copy_nonoverlapping(direct(old) as *const u8, direct(new) as *mut u8, PAGE_SIZE)
        };
        self.set_own(page, new, vma, 0)?;
        cpu::flush_page(page);
        let Self { frames, grants, resident, .. } = self;
        Self::release(frames, grants, resident, entry);
        self.grants.tidy(false);
        Ok(())
    }

    /// Copies an ancestor's page, some around it that are the same ancestor's, and what other clones touched next.
    fn pull(&mut self, page: usize, vma: &Vma) -> Result<(), Bad> {
        let token = self.frames.token_of(tables::frame(self.get(page))).ok_or(Bad::NoMemory)?;
        let few = if vma.prot.contains(Prot::EXEC) { FEW_CODE } else { 1 };
        let block = self.pulls.pages(page, few) * PAGE_SIZE;
        let start = page & !(block - 1);
        self.pulls.came(start..start + block);
        let mut pages = Pages::NONE;
        for at in (start..start + block).step_by(PAGE_SIZE) {
            self.gather(token, at, &mut pages);
        }
        let hints = core::mem::replace(&mut self.hints, Pages::NONE);
        for at in &hints.list[..hints.len] {
            self.gather(token, *at, &mut pages);
        }
        // If there is no memory for all, there may be for the one.
        let here = self.take_over(token, page, &pages)
            || self.get(page) & REMOTE == 0
            || self.take_over(token, page, &Pages { list: [page; PULL], len: 1 });
        self.drop_tokens();
        if here { Ok(()) } else { Err(Bad::NoMemory) }
    }

    /// Adds a page if it is remote and of this token.
    fn gather(&self, token: u64, at: usize, pages: &mut Pages) {
        let entry = self.get(at);
        if entry & REMOTE != 0 && self.frames.token_of(tables::frame(entry)) == Some(token) {
            pages.add(at);
        }
    }

    /// Keeps what the answer to a question for frames says of pages that others touched next: it lies behind the grants.
    fn take_hints(&mut self, grants: usize) {
        for i in 0..PULL {
            let at = door::get::<u64>(grants + i) as usize & !(PAGE_SIZE - 1);
            if at != 0 && at < APP.1 {
                self.hints.add(at);
            }
        }
    }

    /// Populates and copies remote frames of pages, one of which was touched; false when that fails for some.
    fn take_over(&mut self, token: u64, touched: usize, pages: &Pages) -> bool {
        let pages = &pages.list[..pages.len];
        let mut gfns = [0u64; PULL];
        for (gfn, page) in gfns.iter_mut().zip(pages) {
            *gfn = tables::frame(self.get(*page)).into();
        }
        let gfns = &gfns[..pages.len()];
        let got = hypercall::populate(gfns);
        let mut good = 0;
        if got == gfns.len() {
            door::put_all(gfns);
            let granted = door::ask(ASK_FRAMES, &[token, got as u64, touched as u64, PULL as u64])
                .clamp(0, got as i64) as usize;
            if granted == got {
                self.take_hints(granted);
            }
            let mut ops = [hypercall::whole_page(0, 0, 0); PULL];
            for (i, (op, gfn)) in ops.iter_mut().zip(gfns).enumerate() {
                let grant: PageGrant = door::get(i);
                *op = hypercall::whole_page(grant.domid, grant.gref, *gfn as u32);
            }
            // SAFETY: the frames were just populated; no present entry leads to them.
            unsafe { hypercall::copy_grants(&mut ops[..granted]) };
            good = ops[..granted].iter().take_while(|op| op.status == 0).count();
        }
        if good < got {
            // SAFETY: nobody uses these.
            unsafe { hypercall::unpopulate(&gfns[good..got]) };
        }
        for (page, gfn) in pages.iter().zip(&gfns[..good]) {
            self.frames.adopt(*gfn as u32);
            if let Some((_, vma)) = self.vmas.at(*page) {
                // The entry is there: its table is too.
                let clean = self.get(*page) & CLEAN;
                let _ = self.set_own(*page, *gfn as u32, &vma, clean);
            }
        }
        good == gfns.len()
    }
}

/// Pages to be copied.
#[derive(Debug)]
pub(super) struct Pages {
    list: [usize; PULL],
    len: usize,
}

impl Pages {
    pub(super) const NONE: Self = Self { list: [0; PULL], len: 0 };

    /// Adds one that is not there yet, if there is room.
    fn add(&mut self, page: usize) {
        if self.len < PULL && !self.list[..self.len].contains(&page) {
            self.list[self.len] = page;
            self.len += 1;
        }
    }
}
