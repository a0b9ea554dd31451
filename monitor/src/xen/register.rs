//! The register of the host's holder: which families use it, which of them wrote which part of its grant table, and which
//! pages of which files it has. It lies in pages of that domain, which every monitor maps, and is gone with it.
//!
//! All of it is words of 64 bits. Who changes one holds the host's lock ([`super::hyper::Hypervisor::locked`]), but for the
//! states of pages: these change by compare-and-exchange, so that a page that is there is found without the lock. Monitors
//! trust each other; one that was killed leaves what it wrote, and [`super::commons`] clears up behind it.

use std::cell::Cell;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use abi::Errno;
use protocol::SharedMem;

use super::holder::{FIRST_GFN, FRAMES_OF_A_TABLE};
use super::hyper::Hypervisor;
use super::pages::PAGE;
use super::window::{self, Whole, Window};
use crate::mapping::Mapped;

/// Families that can use it at one time.
pub const USERS: u32 = 128;
/// Pages of a file that a record is for.
pub const CHUNK: u64 = 64;
/// Blocks of the grant table that can be told apart.
pub const BLOCKS: usize = 4096;
/// Frames of the register, behind the holder's sink; and the first frame that may be something else.
const FRAMES: Range<u64> =
    FIRST_GFN + 1..FIRST_GFN + 1 + (FIRST_RECORDS + RECORDS as usize / PER_PAGE) as u64;
/// Where pages of files are: those of record n from here on plus n × [`CHUNK`].
const FILES_GFN: u64 = 0x80_0000;

/// "OSfiles" and the version of what is written here. The list of users is at the same place in each version.
const MAGIC: u64 = u64::from_be_bytes(*b"OSfiles1");
/// Records that there can be; and those of a page.
const RECORDS: u32 = 4096;
const PER_PAGE: usize = PAGE / RECORD;
/// Bytes of a record.
const RECORD: usize = 128;

// Bytes from the register's beginning: the magic, the user whose own holder this is, the frames that it had for its regions,
// how many records there have been, users, heads of the lists of records; blocks, a byte each; records.
const CREATOR: usize = 8;
const REGIONS: usize = 16;
const COUNT: usize = 24;
const USER: usize = 64;
const HEAD: usize = 2048;
const HEADS: u64 = 256;
const BLOCK: usize = PAGE;
/// Pages before the records.
const FIRST_RECORDS: usize = 2;

// Words of a record: the file's version (four), which of its chunks it is, the next record of the list, its users (two), and
// the states of its pages, a byte each.
const NUMBER: usize = 4;
const NEXT: usize = 5;
const HELD: usize = 6;
const STATES: usize = 8;

/// A page's state: nothing there; there, with the file's bytes. All else: user n - 1 fills it.
const EMPTY: u8 = 0;
const READY: u8 = u8::MAX;

/// What identifies the contents of a file: device, inode, nanoseconds of its last change (ctime), size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub [u64; 4]);

/// The register of a domain.
pub struct Register {
    hyper: Rc<dyn Hypervisor>,
    domain: u32,
    window: Rc<dyn Window>,
    words: Mapped,
    /// Pages that are mapped, from the first on.
    mapped: Cell<usize>,
}

impl Register {
    /// The first frame behind it that may be used otherwise.
    pub const END: u64 = FRAMES.end;

    /// Writes an empty one into a holder that was just made.
    pub fn create(hyper: &Rc<dyn Hypervisor>, domain: u32) -> Result<Self, Errno> {
        let gfns: Vec<u64> = FRAMES.clone().take(FIRST_RECORDS).collect();
        hyper.populate(domain, &gfns)?;
        let register = Self::map(hyper, domain)?;
        (0..FIRST_RECORDS).for_each(|page| window::store(&*register.window, page, &[0; PAGE]));
        register.at(0).store(MAGIC, Ordering::Release);
        Ok(register)
    }

    /// The one that a domain has, of whatever version.
    pub fn open(hyper: &Rc<dyn Hypervisor>, domain: u32) -> Option<Self> {
        Self::map(hyper, domain).ok().filter(|register| register.magic() >> 8 == MAGIC >> 8)
    }

    /// Whether more than the list of users is as it is known here.
    pub fn is_current(&self) -> bool {
        self.magic() == MAGIC
    }

    fn magic(&self) -> u64 {
        self.at(0).load(Ordering::Acquire)
    }

    fn map(hyper: &Rc<dyn Hypervisor>, domain: u32) -> Result<Self, Errno> {
        let window = hyper.window((FRAMES.end - FRAMES.start) as usize)?;
        let words = Mapped::of_pages(Rc::new(Whole(window.clone())));
        let register = Self { hyper: hyper.clone(), domain, window, words, mapped: Cell::new(0) };
        register.reach(FIRST_RECORDS)?;
        Ok(register)
    }

    /// It is not looked at any more: what is mapped of a domain keeps it.
    pub fn close(&self) {
        // A window that cannot be changed keeps a domain that nobody can use.
        let _ = self.window.unmap(0, self.mapped.replace(0));
    }

    /// Maps what is not yet of the first pages.
    fn reach(&self, pages: usize) -> Result<(), Errno> {
        let mapped = self.mapped.get();
        if mapped < pages {
            let gfns: Vec<u64> = FRAMES.clone().skip(mapped).take(pages - mapped).collect();
            self.window.map(mapped, self.domain, &gfns)?;
            self.mapped.set(pages);
        }
        Ok(())
    }

    fn at(&self, byte: usize) -> &AtomicU64 {
        self.words.u64_at(byte)
    }

    fn get(&self, byte: usize) -> u64 {
        self.at(byte).load(Ordering::Relaxed)
    }

    fn set(&self, byte: usize, value: u64) {
        self.at(byte).store(value, Ordering::Relaxed);
    }

    /// The monitors that use it: numbers, and names as [`Hypervisor::monitor`] gives them.
    pub fn users(&self) -> impl Iterator<Item = (u32, u64)> {
        let name = |user: u32| (user, self.get(USER + user as usize * 8));
        (0..USERS).map(name).filter(|(_, name)| *name != 0)
    }

    /// One more user; none when there are too many.
    pub fn enter(&self, name: u64) -> Option<u32> {
        let user = (0..USERS).find(|user| self.get(USER + *user as usize * 8) == 0)?;
        self.set(USER + user as usize * 8, name);
        Some(user)
    }

    /// The user is no more.
    pub fn remove(&self, user: u32) {
        self.set(USER + user as usize * 8, 0);
    }

    /// The user whose own holder the domain is.
    pub fn creator(&self) -> Option<u32> {
        u32::try_from(self.get(CREATOR)).ok()?.checked_sub(1)
    }

    /// Notes whose own holder it is.
    pub fn set_creator(&self, user: Option<u32>) {
        self.set(CREATOR, user.map_or(0, |user| u64::from(user) + 1));
    }

    /// The frames that the creator's regions may have.
    pub fn regions(&self) -> Range<u64> {
        Self::END..self.get(REGIONS)
    }

    /// Notes where they end.
    pub fn set_regions(&self, end: u64) {
        self.set(REGIONS, end);
    }

    /// Takes a block of the grant table for a user. While the creator is there, all others together have at most so many.
    pub fn take_block(&self, user: u32, most: usize) -> Option<usize> {
        if let Some(creator) = self.creator().filter(|creator| *creator != user) {
            let others = |block: &usize| self.block(*block) != 0 && !self.is_of(*block, creator);
            if (0..BLOCKS).filter(others).count() >= most {
                return None;
            }
        }
        let block = (0..BLOCKS).find(|block| self.block(*block) == 0)?;
        self.set_block(block, user as u8 + 1);
        Some(block)
    }

    /// The block is nobody's.
    pub fn free_block(&self, block: usize) {
        self.set_block(block, 0);
    }

    /// The blocks of a user.
    pub fn blocks(&self, user: u32) -> Vec<usize> {
        (0..BLOCKS).filter(|block| self.is_of(*block, user)).collect()
    }

    fn is_of(&self, block: usize, user: u32) -> bool {
        u32::from(self.block(block)) == user + 1
    }

    fn block(&self, block: usize) -> u8 {
        self.get(BLOCK + block / 8 * 8).to_le_bytes()[block % 8]
    }

    fn set_block(&self, block: usize, value: u8) {
        let mut bytes = self.get(BLOCK + block / 8 * 8).to_le_bytes();
        bytes[block % 8] = value;
        self.set(BLOCK + block / 8 * 8, u64::from_le_bytes(bytes));
    }

    /// How many tables Xen needs for the frames of files' pages.
    pub fn tables(&self) -> u32 {
        self.records() / (FRAMES_OF_A_TABLE / CHUNK) as u32 + 1
    }

    /// How many records there have been.
    pub fn records(&self) -> u32 {
        (self.get(COUNT) as u32).min(RECORDS)
    }

    /// Makes sure that a record's page is mapped.
    fn reach_record(&self, record: u32) -> Result<(), Errno> {
        self.reach(FIRST_RECORDS + record as usize / PER_PAGE + 1)
    }

    fn reach_all(&self) -> Result<(), Errno> {
        self.records().checked_sub(1).map_or(Ok(()), |last| self.reach_record(last))
    }

    fn word(&self, record: u32, word: usize) -> &AtomicU64 {
        self.at(FIRST_RECORDS * PAGE + record as usize * RECORD + word * 8)
    }

    /// The record of a chunk of a file, made if there is none, with a user more.
    pub fn hold(&self, version: &Version, number: u64, user: u32) -> Result<u32, Errno> {
        let head = head(version, number);
        let mut next = self.get(head);
        while next != 0 {
            let record = next as u32 - 1;
            self.reach_record(record)?;
            if self.names(record, version, number) {
                let held = self.word(record, HELD + user as usize / 64);
                held.fetch_or(1 << (user % 64), Ordering::Relaxed);
                return Ok(record);
            }
            next = self.word(record, NEXT).load(Ordering::Relaxed);
        }
        let record = self.unused()?;
        let put = |word: usize, value: u64| self.word(record, word).store(value, Ordering::Relaxed);
        version.0.iter().enumerate().for_each(|(word, value)| put(word, *value));
        put(NUMBER, number);
        put(NEXT, self.get(head));
        put(HELD + user as usize / 64, 1 << (user % 64));
        self.set(head, u64::from(record) + 1);
        Ok(record)
    }

    fn names(&self, record: u32, version: &Version, number: u64) -> bool {
        let has = |word: usize, value: u64| self.word(record, word).load(Ordering::Relaxed) == value;
        has(NUMBER, number) && version.0.iter().enumerate().all(|(word, value)| has(word, *value))
    }

    /// A record that nobody uses, empty.
    fn unused(&self) -> Result<u32, Errno> {
        self.reach_all()?;
        let count = self.records();
        if let Some(record) = (0..count).find(|record| !self.is_held(*record)) {
            return Ok(record);
        }
        if count == RECORDS {
            return Err(Errno::ENOSPC);
        }
        if (count as usize).is_multiple_of(PER_PAGE) {
            let page = FIRST_RECORDS + count as usize / PER_PAGE;
            self.hyper.populate(self.domain, &[FRAMES.start + page as u64])?;
            self.reach(page + 1)?;
            window::store(&*self.window, page, &[0; PAGE]);
        }
        self.set(COUNT, u64::from(count) + 1);
        Ok(count)
    }

    fn is_held(&self, record: u32) -> bool {
        (0..2).any(|word| self.word(record, HELD + word).load(Ordering::Relaxed) != 0)
    }

    /// The records that a user has.
    pub fn held_by(&self, user: u32) -> Result<Vec<u32>, Errno> {
        self.reach_all()?;
        let bit = |record: &u32| {
            self.word(*record, HELD + user as usize / 64).load(Ordering::Relaxed) & 1 << (user % 64) != 0
        };
        Ok((0..self.records()).filter(bit).collect())
    }

    /// A user less of a record. `give_back` is told the frames that nobody uses any more: what the user was about to fill, or,
    /// behind the last one, all.
    pub fn let_go(&self, record: u32, user: u32, give_back: &dyn Fn(&[u64])) -> Result<(), Errno> {
        self.reach_all()?;
        self.word(record, HELD + user as usize / 64).fetch_and(!(1 << (user % 64)), Ordering::Relaxed);
        let is_held = self.is_held(record);
        let unused = |state: u8| if is_held { u32::from(state) == user + 1 } else { state != EMPTY };
        let pages: Vec<u64> = (0..CHUNK).filter(|page| unused(self.state(record, *page))).collect();
        let frames: Vec<u64> = pages.iter().map(|page| gfn(record, *page)).collect();
        if !frames.is_empty() {
            give_back(&frames);
        }
        pages.iter().for_each(|page| self.set_state(record, *page, EMPTY));
        if !is_held {
            self.unlink(record);
        }
        Ok(())
    }

    fn unlink(&self, record: u32) {
        let name = |word: usize| self.word(record, word).load(Ordering::Relaxed);
        let version = Version([name(0), name(1), name(2), name(3)]);
        let after = name(NEXT);
        let mut place = self.at(head(&version, name(NUMBER)));
        for _ in 0..RECORDS {
            match place.load(Ordering::Relaxed) {
                0 => return,
                next if next == u64::from(record) + 1 => return place.store(after, Ordering::Relaxed),
                next => place = self.word(next as u32 - 1, NEXT),
            }
        }
    }

    fn state(&self, record: u32, page: u64) -> u8 {
        let word = self.word(record, STATES + page as usize / 8).load(Ordering::Acquire);
        word.to_le_bytes()[page as usize % 8]
    }

    fn set_state(&self, record: u32, page: u64, state: u8) {
        self.change_state(record, page, |_| Some(state));
    }

    fn change_state(&self, record: u32, page: u64, to: impl Fn(u8) -> Option<u8>) -> bool {
        let word = self.word(record, STATES + page as usize / 8);
        let change = |word: u64| {
            let mut states = word.to_le_bytes();
            states[page as usize % 8] = to(states[page as usize % 8])?;
            Some(u64::from_le_bytes(states))
        };
        word.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).is_ok()
    }

    /// Whether a page is there.
    pub fn is_ready(&self, record: u32, page: u64) -> bool {
        self.state(record, page) == READY
    }

    /// The page is the user's to fill; false when it is there, or somebody else's.
    pub fn begin(&self, record: u32, page: u64, user: u32) -> bool {
        self.change_state(record, page, |state| (state == EMPTY).then_some(user as u8 + 1))
    }

    /// The page that was begun is there, or could not be filled and has no frame.
    pub fn finish(&self, record: u32, page: u64, filled: bool) {
        self.set_state(record, page, if filled { READY } else { EMPTY });
    }
}

/// The frame of a record's page.
pub fn gfn(record: u32, page: u64) -> u64 {
    FILES_GFN + u64::from(record) * CHUNK + page
}

/// Where the list begins that has a chunk's record.
fn head(version: &Version, number: u64) -> usize {
    let mix = |hash: u64, word: &u64| (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    let hash = version.0.iter().chain([&number]).fold(0, mix);
    HEAD + (hash % HEADS) as usize * 8
}
