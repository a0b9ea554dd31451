//! Who owns host files, as the guest sees it.

use rustix::process::{getegid, geteuid};

/// How host ids appear to the guest. When an ordinary user runs the family, that user's files are root's inside, as
/// with rootless containers; all other ids, host root's included, stay what they are.
#[derive(Clone, Copy, Debug)]
pub struct Owners {
    uid: u32,
    gid: u32,
}

impl Owners {
    /// For the user who runs this process.
    pub fn current() -> Self {
        Self { uid: geteuid().as_raw(), gid: getegid().as_raw() }
    }

    /// True when the host lets us give files away.
    pub fn can_chown(&self) -> bool {
        self.uid == 0
    }

    /// Host ids as guest ids.
    pub fn to_guest(self, uid: u32, gid: u32) -> (u32, u32) {
        if self.uid == 0 {
            return (uid, gid);
        }
        (if uid == self.uid { 0 } else { uid }, if gid == self.gid { 0 } else { gid })
    }
}
