//! Regions that this member holds, counted: the same region may be behind several descriptions and mappings, the
//! monitor delivers it once, and is told when the last use here ends.

use abi::errno::{Errno, SysResult};
use alloc::collections::BTreeMap;
use alloc::sync::{Arc, Weak};
use platform::RegionView;
use platform::sync::{Mutex, Rank};
use protocol::Op;
use protocol::control::RegionRef;

use crate::host::Host;

/// Held regions by id.
pub(crate) struct Table(Mutex<BTreeMap<u64, Weak<Held>>>);

impl Table {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Rank::Leaf, BTreeMap::new()))
    }
}

/// A region in use.
pub struct Held {
    host: &'static Host,
    id: u64,
    size: u64,
    name: spin::Once<Arc<[u8]>>,
    view: Mutex<Option<RegionView>>,
}

impl Held {
    /// Takes a region that a reply named. EAGAIN: another thread gave its last use back meanwhile, and the request must
    /// be repeated so that the monitor delivers it again.
    pub fn take(host: &'static Host, region: RegionRef) -> SysResult<Arc<Self>> {
        let mut table = host.regions.0.lock();
        if let Some(held) = table.get(&region.id).and_then(Weak::upgrade) {
            return Ok(held);
        }
        if !host.platform.has(region.id) {
            // Or it was on its way to a thread that did not come along into this clone: the monitor is told either way.
            drop(table);
            let _ = host.post(Op::Detach, &[region.id], &[]);
            return Err(Errno::EAGAIN);
        }
        let held = Arc::new(Self {
            host,
            id: region.id,
            size: region.size,
            name: spin::Once::new(),
            view: Mutex::new(Rank::Leaf, None),
        });
        table.insert(region.id, Arc::downgrade(&held));
        Ok(held)
    }

    /// The region's id.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Size in bytes as first told.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Remembers the name that /proc/PID/maps shows for mappings of it; the first one given stays.
    pub fn set_name(&self, name: &[u8]) {
        self.name.call_once(|| Arc::from(name));
    }

    /// The name given to it.
    pub fn name(&self) -> Arc<[u8]> {
        self.name.get().cloned().unwrap_or_default()
    }

    /// The whole region mapped for the kernel; mapped once.
    pub fn view(&self) -> SysResult<RegionView> {
        let mut view = self.view.lock();
        if let Some(v) = &*view {
            return Ok(v.clone());
        }
        let v = self.host.platform.view(self.id, true).map_err(|_| Errno::ENOMEM)?;
        Ok(view.insert(v).clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.host.regions.0.lock();
        // Somebody may have taken it anew between the last drop and here.
        if table.get(&self.id).is_some_and(|w| w.strong_count() > 0) {
            return;
        }
        table.remove(&self.id);
        self.host.platform.forget(self.id);
        drop(table);
        // NOREPLY without data cannot fail but for a full queue, which blocks instead.
        let _ = self.host.post(Op::Detach, &[self.id], &[]);
    }
}
