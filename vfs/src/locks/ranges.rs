//! Record locks of one file, fcntl(2): each owner's ranges, split and joined as they change.

use alloc::vec::Vec;

use abi::Errno;
use abi::fs::MAX_OFFSET;

/// Shared or exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read,
    Write,
}

/// To whom a lock belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// F_SETLK: a process.
    Process(u32),
    /// F_OFD_SETLK: an open file description.
    Description(u64),
}

/// Bytes from `start` up to, but not including, `end`; `end` u64::MAX means to the end of any file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub start: u64,
    pub end: u64,
}

impl Range {
    /// From an absolute start and the `l_len` of `struct flock`, which may be 0 (to the end) or negative (before
    /// the start).
    pub fn new(start: i64, len: i64) -> Result<Self, Errno> {
        let (start, len) = if len < 0 {
            (start.checked_add(len).ok_or(Errno::EINVAL)?, len.checked_neg().ok_or(Errno::EINVAL)?)
        } else {
            (start, len)
        };
        let start = u64::try_from(start).map_err(|_| Errno::EINVAL)?;
        let end = match len as u64 {
            0 => u64::MAX,
            len => start.checked_add(len).filter(|e| *e <= MAX_OFFSET + 1).ok_or(Errno::EOVERFLOW)?,
        };
        Ok(Self { start, end })
    }

    /// The `l_len` that says the same.
    pub fn len(self) -> u64 {
        if self.end == u64::MAX { 0 } else { self.end - self.start }
    }

    /// True when the range holds no byte (never, if made by [`Range::new`]).
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }

    fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    fn touches(self, other: Self) -> bool {
        self.start <= other.end && other.start <= self.end
    }
}

/// A lock that someone has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    pub owner: Owner,
    pub kind: Kind,
    pub range: Range,
}

/// All record locks of a file.
#[derive(Clone, Debug, Default)]
pub struct Ranges {
    held: Vec<Held>,
}

impl Ranges {
    /// The locks of others that keep `owner` from having `kind` on `range`.
    pub fn conflicts(&self, owner: Owner, kind: Kind, range: Range) -> impl Iterator<Item = &Held> {
        self.held.iter().filter(move |h| {
            h.owner != owner && h.range.overlaps(range) && (h.kind == Kind::Write || kind == Kind::Write)
        })
    }

    /// Gives `owner` the lock, which must not conflict, or takes its locks on the range away (`None`). True when
    /// somebody else may get a lock now that could not before.
    pub fn set(&mut self, owner: Owner, kind: Option<Kind>, range: Range) -> bool {
        let mut freed = false;
        let mut kept = Vec::with_capacity(self.held.len() + 2);
        for h in self.held.drain(..) {
            if h.owner != owner || !h.range.overlaps(range) {
                kept.push(h);
                continue;
            }
            freed |= kind != Some(h.kind) && kind != Some(Kind::Write);
            if h.range.start < range.start {
                kept.push(Held { range: Range { start: h.range.start, end: range.start }, ..h });
            }
            if range.end < h.range.end {
                kept.push(Held { range: Range { start: range.end, end: h.range.end }, ..h });
            }
        }
        if let Some(kind) = kind {
            let mut new = Held { owner, kind, range };
            kept.retain(|h| {
                let joins = h.owner == owner && h.kind == kind && h.range.touches(new.range);
                if joins {
                    new.range.start = new.range.start.min(h.range.start);
                    new.range.end = new.range.end.max(h.range.end);
                }
                !joins
            });
            kept.push(new);
            kept.sort_by_key(|h| (h.range.start, h.owner));
        }
        self.held = kept;
        freed
    }

    /// Takes all of an owner's locks away; true when it had any.
    pub fn drop_owner(&mut self, owner: Owner) -> bool {
        let before = self.held.len();
        self.held.retain(|h| h.owner != owner);
        self.held.len() != before
    }

    /// All locks, by start.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        self.held.iter()
    }

    /// True when nobody has a lock.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}
