//! What a process sets about itself and mostly only asks back: capabilities(7), prctl(2).

use abi::process::CAP_LAST_CAP;
use protocol::wire::{Reader, Writer};

/// All capabilities that there are.
pub const ALL_CAPS: u64 = (1 << (CAP_LAST_CAP + 1)) - 1;
/// Timer slack of a process that set none.
pub const DEFAULT_SLACK: u64 = 50_000;

/// Capability sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
}

impl Caps {
    /// A process's that runs under these ids and was started by nobody in particular.
    pub fn of_ids(ids: &[u32; 8]) -> Self {
        let root = |uid: u32| if uid == 0 { ALL_CAPS } else { 0 };
        let permitted = root(ids[0]) | root(ids[1]) | root(ids[2]);
        Self { effective: root(ids[1]), permitted, inheritable: 0, bounding: ALL_CAPS, ambient: 0 }
    }

    /// After a change of user ids; capabilities(7), "Effect of user ID changes on capabilities".
    pub fn ids_changed(&mut self, old: &[u32; 8], new: &[u32; 8], keep: bool) {
        let any_root = |ids: &[u32; 8]| ids[..3].contains(&0);
        if any_root(old) && !any_root(new) {
            if !keep {
                self.permitted = 0;
                self.effective = 0;
            }
            self.ambient = 0;
        }
        if old[1] == 0 && new[1] != 0 {
            self.effective = 0;
        } else if old[1] != 0 && new[1] == 0 {
            self.effective = self.permitted;
        }
    }

    /// After exec of a file without capabilities; capabilities(7), "Transformation of capabilities during execve()".
    pub fn execed(&mut self, ids: &[u32; 8]) {
        let root = ids[0] == 0 || ids[1] == 0;
        self.permitted = if root { self.inheritable | self.bounding } else { self.ambient };
        self.effective = if ids[1] == 0 { self.permitted } else { self.ambient };
    }

    /// True when `cap` is effective.
    pub fn has(&self, cap: u32) -> bool {
        self.effective >> cap & 1 != 0
    }
}

/// The attributes of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attrs {
    pub caps: Caps,
    pub dumpable: bool,
    pub no_new_privs: bool,
    pub keep_caps: bool,
    pub subreaper: bool,
    pub thp_disable: bool,
    pub securebits: u32,
    pub death_signal: u32,
    pub timer_slack: u64,
}

impl Default for Attrs {
    fn default() -> Self {
        Self {
            caps: Caps::of_ids(&[0; 8]),
            dumpable: true,
            no_new_privs: false,
            keep_caps: false,
            subreaper: false,
            thp_disable: false,
            securebits: 0,
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
        self.keep_caps = false;
    }

    /// As bytes, for a program that starts in a fresh member.
    pub fn encode(&self) -> alloc::vec::Vec<u8> {
        let c = &self.caps;
        let mut w = Writer::new();
        w.u64(c.effective).u64(c.permitted).u64(c.inheritable).u64(c.bounding).u64(c.ambient);
        for flag in self.flags() {
            w.u32(flag.into());
        }
        w.u32(self.securebits).u32(self.death_signal).u64(self.timer_slack);
        w.finish()
    }

    fn flags(&self) -> [bool; 5] {
        let a = self;
        [a.dumpable, a.no_new_privs, a.keep_caps, a.subreaper, a.thp_disable]
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
        };
        let mut flag = || r.u32().map(|v| v != 0);
        let (dumpable, no_new_privs, keep_caps) = (flag()?, flag()?, flag()?);
        let (subreaper, thp_disable) = (flag()?, flag()?);
        Some(Self {
            caps,
            dumpable,
            no_new_privs,
            keep_caps,
            subreaper,
            thp_disable,
            securebits: r.u32()?,
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

    #[test]
    fn root_that_becomes_a_user_loses_its_capabilities() {
        let (root, user) = ([0; 8], [7, 7, 7, 7, 7, 7, 7, 7]);
        let only_effective = [0, 7, 0, 7, 0, 0, 0, 0];
        let mut c = Caps::of_ids(&root);
        c.ids_changed(&root, &only_effective, false);
        assert_eq!((c.effective, c.permitted), (0, ALL_CAPS));
        c.ids_changed(&only_effective, &root, false);
        assert_eq!(c.effective, ALL_CAPS);
        let mut kept = c;
        c.ids_changed(&root, &user, false);
        assert_eq!((c.effective, c.permitted), (0, 0));
        kept.ids_changed(&root, &user, true);
        assert_eq!((kept.effective, kept.permitted), (0, ALL_CAPS));
        kept.execed(&user);
        assert_eq!(kept.permitted, 0);
    }
}
