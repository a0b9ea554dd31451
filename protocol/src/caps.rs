//! Capability sets and what changes them, capabilities(7). The monitor holds the truth; a member's copy answers questions.

use abi::process::{CAP_LAST_CAP, CAP_SETPCAP};

/// All capabilities that there are.
pub const ALL_CAPS: u64 = (1 << (CAP_LAST_CAP + 1)) - 1;

/// User id 0 gives nothing at exec.
pub const SECBIT_NOROOT: u32 = 1;
/// Changes of user ids change no sets.
pub const SECBIT_NO_SETUID_FIXUP: u32 = 1 << 2;
/// The permitted set outlives the change from user id 0 to others.
pub const SECBIT_KEEP_CAPS: u32 = 1 << 4;
/// No capability becomes ambient.
pub const SECBIT_NO_CAP_AMBIENT_RAISE: u32 = 1 << 6;
/// All secure bits, each with its lock above it.
pub const SECBITS: u32 = 0xff;
const LOCKS: u32 = 0xaa;

/// A process's capability sets, with its secure bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
    pub securebits: u32,
}

impl Caps {
    /// A process's that runs under these ids (ruid, euid, suid, …) and was started by nobody in particular.
    pub fn of_ids(ids: &[u32; 8]) -> Self {
        let root = |uid: u32| if uid == 0 { ALL_CAPS } else { 0 };
        let permitted = root(ids[0]) | root(ids[1]) | root(ids[2]);
        Self { effective: root(ids[1]), permitted, bounding: ALL_CAPS, ..Self::default() }
    }

    /// True when `cap` is effective.
    pub fn has(&self, cap: u32) -> bool {
        self.effective >> cap & 1 != 0
    }

    /// After a change of user ids: "Effect of user ID changes on capabilities".
    pub fn ids_changed(&mut self, old: &[u32; 8], new: &[u32; 8]) {
        if self.securebits & SECBIT_NO_SETUID_FIXUP != 0 {
            return;
        }
        let any_root = |ids: &[u32; 8]| ids[..3].contains(&0);
        if any_root(old) && !any_root(new) {
            if self.securebits & SECBIT_KEEP_CAPS == 0 {
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

    /// After exec of a file without capabilities: "Transformation of capabilities during execve()".
    pub fn execed(&mut self, ids: &[u32; 8]) {
        let root = self.securebits & SECBIT_NOROOT == 0;
        let gains = root && (ids[0] == 0 || ids[1] == 0);
        self.permitted = if gains { self.inheritable | self.bounding } else { self.ambient };
        self.effective = if root && ids[1] == 0 { self.permitted } else { self.ambient };
        self.securebits &= !SECBIT_KEEP_CAPS;
    }

    /// Whether a process with these sets may give itself those by capset(2) and prctl(2).
    pub fn may_become(&self, new: &Caps) -> bool {
        let within = |set: u64, limit: u64| set & !limit == 0;
        let trusted = self.has(CAP_SETPCAP);
        let bits = self.securebits ^ new.securebits;
        let locked = (self.securebits & LOCKS) >> 1;
        let raised = new.ambient & !self.ambient;
        within(new.permitted, self.permitted)
            && within(new.effective, new.permitted)
            && within(new.inheritable, self.inheritable | self.bounding)
            && (trusted || within(new.inheritable, self.inheritable | self.permitted))
            && within(new.bounding, self.bounding)
            && (trusted || new.bounding == self.bounding)
            && within(new.ambient, new.permitted & new.inheritable)
            && (raised == 0 || self.securebits & SECBIT_NO_CAP_AMBIENT_RAISE == 0)
            && bits & locked == 0
            && self.securebits & LOCKS & !new.securebits == 0
            && new.securebits & !SECBITS == 0
            && (trusted || bits & !SECBIT_KEEP_CAPS == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: [u32; 8] = [0; 8];
    const USER: [u32; 8] = [7; 8];

    #[test]
    fn root_that_becomes_a_user_loses_its_capabilities() {
        let only_effective = [0, 7, 0, 7, 0, 0, 0, 0];
        let mut c = Caps::of_ids(&ROOT);
        c.ids_changed(&ROOT, &only_effective);
        assert_eq!((c.effective, c.permitted), (0, ALL_CAPS));
        c.ids_changed(&only_effective, &ROOT);
        assert_eq!(c.effective, ALL_CAPS);
        let mut kept = Caps { securebits: SECBIT_KEEP_CAPS, ..c };
        c.ids_changed(&ROOT, &USER);
        assert_eq!((c.effective, c.permitted), (0, 0));
        kept.ids_changed(&ROOT, &USER);
        assert_eq!((kept.effective, kept.permitted), (0, ALL_CAPS));
        kept.execed(&USER);
        assert_eq!((kept.permitted, kept.securebits), (0, 0));
    }

    #[test]
    fn secure_bits_take_the_magic_from_user_id_0() {
        let mut c = Caps { securebits: SECBIT_NO_SETUID_FIXUP | SECBIT_NOROOT, ..Caps::of_ids(&ROOT) };
        c.ids_changed(&ROOT, &USER);
        assert_eq!(c.effective, ALL_CAPS);
        c.execed(&ROOT);
        assert_eq!(c.permitted, 0);
    }

    #[test]
    fn sets_shrink_only() {
        let all = Caps::of_ids(&ROOT);
        let less = Caps { effective: 1, permitted: 3, ..all };
        assert!(all.may_become(&less) && !less.may_become(&all));
        assert!(less.may_become(&Caps { effective: 2, ..less }));
        assert!(!less.may_become(&Caps { effective: 4, ..less }));
        assert!(!less.may_become(&Caps { bounding: 0, ..less }), "that takes CAP_SETPCAP");
        assert!(all.may_become(&Caps { bounding: 0, ..all }));
        assert!(!less.may_become(&Caps { ambient: 1, ..less }), "it is not inheritable");
        assert!(less.may_become(&Caps { ambient: 1, inheritable: 1, ..less }));
        assert!(!less.may_become(&Caps { inheritable: 4, ..less }));
    }

    #[test]
    fn locks_hold() {
        let locked = Caps { securebits: SECBIT_KEEP_CAPS | SECBIT_KEEP_CAPS << 1, ..Caps::of_ids(&ROOT) };
        assert!(!locked.may_become(&Caps { securebits: SECBIT_KEEP_CAPS << 1, ..locked }));
        assert!(!locked.may_become(&Caps { securebits: 0, ..locked }));
        let user = Caps::of_ids(&USER);
        assert!(user.may_become(&Caps { securebits: SECBIT_KEEP_CAPS, ..user }));
        assert!(!user.may_become(&Caps { securebits: SECBIT_NOROOT, ..user }));
    }
}
