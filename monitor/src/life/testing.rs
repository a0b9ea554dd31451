//! A member without a host process, for tests that play its part.

use std::rc::Rc;

use crate::backend::Birth;
use crate::family::Family;
use crate::mapping::Mapped;
use crate::procs::Creds;
use crate::{fs, streams};

/// The member of the first process.
pub struct TestMember {
    pub slot: u32,
    pub control: Rc<Mapped>,
    /// Kept open, as a member would.
    _birth: Birth,
}

impl Family {
    /// Puts the first process into a member that the test plays.
    pub fn test_member(&mut self) -> TestMember {
        let pid = self.procs.insert_first(Creds::default(), 0);
        fs::first_process(self, pid).expect("a root");
        streams::open_stdio(self, pid).expect("streams");
        let over = self.new_member().expect("a slot");
        self.settle(over.slot, pid).expect("a process");
        let control = self.members.get(over.slot).expect("just made").control.clone();
        TestMember { slot: over.slot, control, _birth: over.birth }
    }
}
