//! Where the offset of an open file is: with the monitor, or delegated to the one process that holds the description.
//!
//! Whoever opens a file is its only holder and starts with the offset 0 in its own hands. Before another holder comes
//! to be (fork, descriptor passing) the process gives the offset back; only a sole holder takes it again. Nobody else
//! can add holders, so nothing is ever recalled from outside.

use abi::Errno;

/// The offset of a description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    value: u64,
    with: Option<u32>,
}

impl Offset {
    /// A description just opened by `pid`, which has the offset.
    pub fn delegated(pid: u32) -> Self {
        Self { value: 0, with: Some(pid) }
    }

    /// The offset stays with the monitor.
    pub fn here() -> Self {
        Self { value: 0, with: None }
    }

    /// `pid` takes the offset over; EBUSY unless it is the only holder.
    pub fn take(&mut self, pid: u32, holders: u32) -> Result<u64, Errno> {
        if holders != 1 {
            return Err(Errno::EBUSY);
        }
        self.with = Some(pid);
        Ok(self.value)
    }

    /// `pid` gives the offset back. Only who has it, or who alone could have it, is believed.
    pub fn give(&mut self, pid: u32, value: u64, holders: u32) -> Result<(), Errno> {
        if self.with != Some(pid) && !(self.with.is_none() && holders == 1) {
            return Err(Errno::EPERM);
        }
        self.value = value;
        self.with = None;
        Ok(())
    }

    /// The offset for a request that leaves it to the monitor.
    pub fn get(&self) -> u64 {
        self.value
    }

    /// Sets it. Whoever uses the monitor's offset does not keep its own.
    pub fn set(&mut self, value: u64) {
        self.value = value;
        self.with = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeMap;
    use proptest::prelude::*;

    /// What a well-behaved process does.
    #[derive(Clone, Debug)]
    enum Step {
        Io { who: usize, n: u64 },
        Fork { who: usize },
        Close { who: usize },
        Seek { who: usize, to: u64 },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let one = prop_oneof![
            (0..8usize, 1..1000u64).prop_map(|(who, n)| Step::Io { who, n }),
            (0..8usize).prop_map(|who| Step::Fork { who }),
            (0..8usize).prop_map(|who| Step::Close { who }),
            (0..8usize, 0..5000u64).prop_map(|(who, to)| Step::Seek { who, to }),
        ];
        prop::collection::vec(one, 0..60)
    }

    extern crate std;
    use std::vec::Vec;

    proptest! {
        /// However processes fork, close and use the file, they see one offset, as with a single one in the kernel.
        #[test]
        fn all_holders_share_one_offset(steps in steps()) {
            let mut real = 0u64;
            let mut offset = Offset::delegated(1);
            // Each holder, and the offset that it keeps while it is alone.
            let mut holders: BTreeMap<u32, Option<u64>> = BTreeMap::from([(1, Some(0))]);
            let mut next = 2;
            for step in steps {
                let count = holders.len() as u32;
                if count == 0 {
                    break;
                }
                let nth = |i: usize| *holders.keys().nth(i % holders.len()).expect("not empty");
                match step {
                    Step::Io { who, n } | Step::Seek { who, to: n } => {
                        let pid = nth(who);
                        let seek = matches!(step, Step::Seek { .. });
                        let kept = holders[&pid];
                        if count == 1 {
                            let at = match kept {
                                Some(at) => at,
                                None => offset.take(pid, count)?,
                            };
                            prop_assert_eq!(at, real);
                            real = if seek { n } else { at + n };
                            holders.insert(pid, Some(real));
                        } else {
                            prop_assert_eq!(kept, None);
                            prop_assert_eq!(offset.get(), real);
                            prop_assert_eq!(offset.take(pid, count), Err(Errno::EBUSY));
                            real = if seek { n } else { real + n };
                            offset.set(real);
                        }
                    }
                    Step::Fork { who } => {
                        let pid = nth(who);
                        if let Some(at) = holders[&pid] {
                            offset.give(pid, at, count)?;
                            holders.insert(pid, None);
                        }
                        holders.insert(next, None);
                        next += 1;
                    }
                    Step::Close { who } => {
                        let pid = nth(who);
                        holders.remove(&pid);
                    }
                }
            }
        }
    }
}
