//! Programs that run and files that are open for writing exclude each other: ETXTBSY of execve(2), open(2), truncate(2).
//!
//! As Linux's `i_writecount`: positive for so many descriptions open for writing, negative for so many that were opened
//! for execution and are still held (by whoever runs the program).

use alloc::rc::Rc;
use core::cell::RefCell;

use abi::Errno;
use hashbrown::HashMap;

use crate::server::inode::NodeKey;

type Counts = Rc<RefCell<HashMap<NodeKey, i64>>>;

/// Who writes and who runs what.
#[derive(Default)]
pub struct Texts {
    counts: Counts,
}

/// One writer's or one program's share; given up when dropped.
pub struct Claim {
    counts: Counts,
    key: NodeKey,
    by: i64,
}

impl Texts {
    fn check(&self, key: NodeKey, by: i64) -> Result<i64, Errno> {
        let now = self.counts.borrow().get(&key).copied().unwrap_or(0);
        if now * by < 0 { Err(Errno::ETXTBSY) } else { Ok(now) }
    }

    /// ETXTBSY if a program runs from the file.
    pub fn may_write(&self, key: NodeKey) -> Result<(), Errno> {
        self.check(key, 1).map(|_| ())
    }

    /// ETXTBSY if the file is open for writing.
    pub fn may_run(&self, key: NodeKey) -> Result<(), Errno> {
        self.check(key, -1).map(|_| ())
    }

    /// A writer (or, for execution, a program) holds the file from now on.
    pub fn claim(&self, key: NodeKey, run: bool) -> Result<Claim, Errno> {
        let by = if run { -1 } else { 1 };
        let now = self.check(key, by)?;
        self.counts.borrow_mut().insert(key, now + by);
        Ok(Claim { counts: self.counts.clone(), key, by })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut counts = self.counts.borrow_mut();
        let rest = counts.get(&self.key).map_or(0, |n| n - self.by);
        if rest == 0 {
            counts.remove(&self.key);
        } else {
            counts.insert(self.key, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writers_and_programs_exclude_each_other() {
        let texts = Texts::default();
        let key = (1, 2);
        let writers = [texts.claim(key, false), texts.claim(key, false)];
        assert!(writers.iter().all(Result::is_ok));
        assert_eq!(texts.claim(key, true).err(), Some(Errno::ETXTBSY));
        assert_eq!(texts.may_run((1, 3)), Ok(()));
        let [first, second] = writers;
        drop(first);
        assert_eq!(texts.may_run(key), Err(Errno::ETXTBSY));
        drop(second);
        let running = texts.claim(key, true).expect("nobody writes");
        assert_eq!(texts.may_write(key), Err(Errno::ETXTBSY));
        assert_eq!(texts.may_run(key), Ok(()));
        drop(running);
        assert_eq!(texts.may_write(key), Ok(()));
        assert!(texts.counts.borrow().is_empty());
    }
}
