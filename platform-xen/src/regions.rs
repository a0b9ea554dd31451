//! Regions: ids that the monitor has delivered, and their views: reserved addresses that fault in page by page.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::NonNull;

use abi::mm::PAGE_SIZE;
use platform::{Backing, MemError, Prot, RegionView};
use protocol::xen::{PageGrant, REGION_CONTROL, REGION_EVENTS, REGION_FAMILY, StartPages};
use protocol::{MONITOR_SLOT, control, events, family};

use crate::layout::VIEWS;
use crate::space::{self, Access};
use crate::{door, events as ev, panic};

const CONTROL: usize = VIEWS.0;
const FAMILY: usize = VIEWS.0 + 0x2000_0000;
const PLACES: usize = VIEWS.0 + 0x1_0000_0000;
/// Pages granted with a command that are mapped at a time.
const PRELOAD: usize = 64;

struct Table {
    accepted: BTreeMap<u64, usize>,
    /// Places of former views, by size.
    free: BTreeMap<usize, Vec<usize>>,
    next: usize,
}

static TABLE: spin::Mutex<Table> =
    spin::Mutex::new(Table { accepted: BTreeMap::new(), free: BTreeMap::new(), next: PLACES });

fn page_round(len: usize) -> usize {
    len.max(1).next_multiple_of(PAGE_SIZE)
}

fn reserve(at: usize, len: usize, id: u64, writable: bool) {
    let prot = if writable { Prot::READ | Prot::WRITE } else { Prot::READ };
    space::map(at, page_round(len), prot, Backing::Region { id, offset: 0, shared: true });
}

/// Reserves the places of the regions that every member has; once.
pub fn init() {
    reserve(CONTROL, control::REGION_SIZE, REGION_CONTROL, true);
    reserve(ev::EVENTS, events::REGION_SIZE, REGION_EVENTS, true);
    reserve(FAMILY, family::REGION_SIZE, REGION_FAMILY, false);
}

/// Maps what came with a command, and the rest of the own part of the events region.
pub fn start(pages: &StartPages) {
    let own = events::slot_base(pages.slot) / PAGE_SIZE;
    let monitor = events::slot_base(MONITOR_SLOT) / PAGE_SIZE;
    let parts = [
        (REGION_CONTROL, CONTROL, 0, true, pages.control),
        (REGION_FAMILY, FAMILY, 0, false, pages.family),
        (REGION_EVENTS, ev::EVENTS, own, true, pages.own_events),
        (REGION_EVENTS, ev::EVENTS, monitor, true, pages.monitor_events),
    ];
    let mut at = 0;
    for (id, view, first, writable, count) in parts {
        let mut done = 0;
        while done < count as usize {
            let n = (count as usize - done).min(PRELOAD);
            let mut list = [PageGrant::default(); PRELOAD];
            for grant in &mut list[..n] {
                *grant = door::command_data(size_of::<StartPages>(), at);
                at += 1;
            }
            if let Err(bad) = space::preload(id, view, (first + done) as u64, writable, &list[..n]) {
                panic::die(format_args!("pages of the start cannot be mapped: {bad:?}"));
            }
            done += n;
        }
    }
    for page in pages.own_events as usize..events::SLOT_SIZE / PAGE_SIZE {
        if let Err(bad) = space::fault(ev::EVENTS + (own + page) * PAGE_SIZE, Access::Write) {
            panic::die(format_args!("the events region is not there: {bad:?}"));
        }
    }
    ev::set_slot(pages.slot);
}

/// A view of one of the regions that every member has.
fn fixed(at: usize, len: usize) -> RegionView {
    let ptr = NonNull::new(at as *mut u8).expect("the places are not at zero");
    // SAFETY: 1. reserved by `init` for good; what is there faults in; 2. only reached through such views.
    unsafe { RegionView::new(ptr, len, |_, _| {}) }
}

/// The control region.
pub fn control_view() -> RegionView {
    fixed(CONTROL, control::REGION_SIZE)
}

/// The family region.
pub fn family_view() -> RegionView {
    fixed(FAMILY, family::REGION_SIZE)
}

/// See `Regions::accept`.
pub fn accept(id: u64, size: u64) {
    TABLE.lock().accepted.insert(id, size as usize);
}

/// See `Regions::has`.
pub fn has(id: u64) -> bool {
    TABLE.lock().accepted.contains_key(&id)
}

/// See `Regions::forget`.
pub fn forget(id: u64) {
    TABLE.lock().accepted.remove(&id);
}

/// See `Regions::view`.
pub fn view(id: u64, writable: bool) -> Result<RegionView, MemError> {
    let (at, size) = {
        let mut table = TABLE.lock();
        let size = *table.accepted.get(&id).ok_or(MemError::Denied)?;
        let len = page_round(size);
        let at = match table.free.get_mut(&len).and_then(Vec::pop) {
            Some(at) => at,
            None if len <= VIEWS.1 - table.next => {
                table.next += len;
                table.next - len
            }
            None => return Err(MemError::NoMemory),
        };
        (at, size)
    };
    reserve(at, size, id, writable);
    let ptr = NonNull::new(at as *mut u8).ok_or(MemError::BadRange)?;
    // SAFETY: 1. reserved above until `unmap_view`; what is there faults in; 2. only reached through the view.
    Ok(unsafe { RegionView::new(ptr, size, unmap_view) })
}

fn unmap_view(ptr: NonNull<u8>, size: usize) {
    let (at, len) = (ptr.as_ptr() as usize, page_round(size));
    space::unmap(at, len);
    TABLE.lock().free.entry(len).or_default().push(at);
}
