//! Cloning the member.

use protocol::boot::Identity;

/// What the monitor prepared for a clone.
#[derive(Clone, Copy, Debug)]
pub struct ClonePlan {
    /// The child's control region, accepted under this id; its identity is already written there. The parent forgets it
    /// after the clone, the child need not.
    pub control_region: u64,
    /// The child's slot.
    pub slot: u32,
    /// The child's pid, under which the monitor delivers what the child needs.
    pub pid: u32,
}

/// Who returns from [`CloneMember::clone_member`].
#[derive(Clone, Copy, Debug)]
pub enum Cloned {
    /// The parent; `token` names the child to the monitor (hosted: the host's process id; Xen: the domain).
    Parent { token: u64 },
    /// The child: control region, slot, events, entropy and clocks are already its own.
    Child(Identity),
}

/// Cloning failed; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloneError {
    /// No memory.
    NoMemory,
    /// No member can be had now.
    Again,
}

/// Clones this member copy-on-write; both return on their copy of the calling context's stack.
pub trait CloneMember {
    /// See the trait.
    fn clone_member(&self, plan: &ClonePlan) -> Result<Cloned, CloneError>;
}
