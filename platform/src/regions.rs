//! Regions: memory that several members and the monitor map.

use crate::{MemError, RegionView};

/// Regions that this member holds.
pub trait Regions {
    /// The member's control region.
    fn control(&self) -> RegionView;
    /// The family region (read-only).
    fn family(&self) -> RegionView;
    /// Takes delivery of a region that a reply named with its deliver bit; from now on it can be viewed and mapped.
    fn accept(&self, id: u64, size: u64) -> Result<(), MemError>;
    /// True when the region was accepted and not forgotten.
    fn has(&self, id: u64) -> bool;
    /// Maps the whole region for the kernel. The view stays valid after [`Regions::forget`].
    fn view(&self, id: u64, writable: bool) -> Result<RegionView, MemError>;
    /// The region will not be viewed or mapped any more (existing views and mappings stay).
    fn forget(&self, id: u64);
}
