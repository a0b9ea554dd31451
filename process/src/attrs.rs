//! What a process sets about itself and mostly only asks back: capabilities(7), prctl(2).

use protocol::caps::Caps;
use protocol::wire::{Reader, Writer};

/// Timer slack of a process that set none.
pub const DEFAULT_SLACK: u64 = 50_000;

/// The attributes of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attrs {
    pub caps: Caps,
    pub dumpable: bool,
    pub no_new_privs: bool,
    pub subreaper: bool,
    pub thp_disable: bool,
    pub death_signal: u32,
    pub timer_slack: u64,
}

impl Default for Attrs {
    fn default() -> Self {
        Self {
            caps: Caps::of_ids(&[0; 8]),
            dumpable: true,
            no_new_privs: false,
            subreaper: false,
            thp_disable: false,
            death_signal: 0,
            timer_slack: DEFAULT_SLACK,
        }
    }
}

impl Attrs {
    /// A child's.
    pub fn for_child(&self) -> Self {
        Self { death_signal: 0, subreaper: false, ..*self }
    }

    /// After exec.
    pub fn execed(&mut self, ids: &[u32; 8]) {
        self.caps.execed(ids);
        self.dumpable = true;
    }

    /// As bytes, for a program that starts in a fresh member.
    pub fn encode(&self) -> alloc::vec::Vec<u8> {
        let c = &self.caps;
        let mut w = Writer::new();
        w.u64(c.effective).u64(c.permitted).u64(c.inheritable).u64(c.bounding).u64(c.ambient);
        w.u32(c.securebits);
        for flag in self.flags() {
            w.u32(flag.into());
        }
        w.u32(self.death_signal).u64(self.timer_slack);
        w.finish()
    }

    fn flags(&self) -> [bool; 4] {
        let a = self;
        [a.dumpable, a.no_new_privs, a.subreaper, a.thp_disable]
    }

    /// From bytes; `None` when there are none (a family's first program).
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut r = Reader::new(bytes);
        let caps = Caps {
            effective: r.u64()?,
            permitted: r.u64()?,
            inheritable: r.u64()?,
            bounding: r.u64()?,
            ambient: r.u64()?,
            securebits: r.u32()?,
        };
        let mut flag = || r.u32().map(|v| v != 0);
        let (dumpable, no_new_privs) = (flag()?, flag()?);
        let (subreaper, thp_disable) = (flag()?, flag()?);
        Some(Self {
            caps,
            dumpable,
            no_new_privs,
            subreaper,
            thp_disable,
            death_signal: r.u32()?,
            timer_slack: r.u64()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        let a = Attrs { thp_disable: true, timer_slack: 9, death_signal: 15, ..Attrs::default() };
        assert_eq!(Attrs::decode(&a.encode()), Some(a));
        assert_eq!(Attrs::decode(&[]), None);
    }
}
