//! Events: pending bits plus a doorbell. See `protocol::events`.

/// The member's events.
pub trait Events {
    /// Own slot.
    fn slot(&self) -> u32;
    /// Marks an event pending for a slot (0: the monitor) and wakes it if it sleeps.
    fn notify(&self, slot: u32, event: u32);
    /// Makes a member enter its kernel soon even if the app runs (for signals between own threads: itself).
    fn kick_self(&self);
    /// True when an event may be pending.
    fn pending(&self) -> bool;
    /// Takes all pending events.
    fn take(&self, each: &mut dyn FnMut(u32));
    /// Sleeps until an event is pending, a kick comes, or the monotonic time `deadline` (ns) is reached. May spin briefly
    /// first. May return early.
    fn wait(&self, deadline: Option<u64>);
    /// Before the caller arms what it waits for, so that nobody need tell it: waits awake until `done` or an event is pending,
    /// where that has lately been worth it. May return at once.
    fn linger(&self, _done: &mut dyn FnMut() -> bool) {}
    /// Sleeps until `done`, which becomes true with a reply of the monitor. Other events stay pending meanwhile. May return
    /// early.
    fn wait_reply(&self, done: &mut dyn FnMut() -> bool);
    /// Lets others run for a moment (a ring's lock is held elsewhere).
    fn relax(&self);
}
