//! Regions: ids that the monitor has delivered, and their views: reserved addresses that fault in page by page.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::ptr::NonNull;

use abi::mm::PAGE_SIZE;
use platform::{Backing, MemError, Prot, RegionView};
use protocol::xen::{
    PageGrant, REGION_CONTROL, REGION_EVENTS, REGION_FAMILY, START_CONTROL, START_FAMILY, START_MONITOR,
    StartPages,
};
use protocol::{MONITOR_SLOT, control, events, family};

use crate::grants::{Page, Premapped};
use crate::interface::{GNTMAP_HOST_MAP, GNTMAP_READONLY, MapGrantRef};
use crate::layout::{GRANTS, VIEWS};
use crate::space::{self, Access};
use crate::{door, events as ev, hypercall, panic};

const CONTROL: usize = VIEWS.0;
const FAMILY: usize = VIEWS.0 + 0x2000_0000;
const PLACES: usize = VIEWS.0 + 0x1_0000_0000;

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

/// The pages that every member needs: where their views are, the region, the pages, whether they are written to.
fn everyones() -> impl Iterator<Item = (usize, Page)> {
    let monitor = (events::slot_base(MONITOR_SLOT) / PAGE_SIZE) as u64;
    let page = |id, index, writable| Page { id, index, writable };
    let control = START_CONTROL.into_iter().map(move |i| (CONTROL, page(REGION_CONTROL, i, true)));
    let family = (0..START_FAMILY).map(move |i| (FAMILY, page(REGION_FAMILY, i, false)));
    let events = (0..START_MONITOR).map(move |i| (ev::EVENTS, page(REGION_EVENTS, monitor + i, true)));
    control.chain(family).chain(events)
}

const EVERYONES: usize = START_CONTROL.len() + (START_FAMILY + START_MONITOR) as usize;

/// Handle and grant of each of [`everyones`], mapped at consecutive frames. A domain's own.
#[unsafe(link_section = ".bss.shell")]
static WARM: spin::Mutex<[(u32, PageGrant); EVERYONES]> =
    spin::Mutex::new([(0, PageGrant { domid: 0, gref: 0 }); EVERYONES]);

/// In a shell, which was answered the grants of [`everyones`]: maps them; false when that fails.
pub fn warm_up() -> bool {
    let mut ops = [MapGrantRef::default(); EVERYONES];
    let mut warm = WARM.lock();
    for (i, ((op, (_, page)), (_, grant))) in ops.iter_mut().zip(everyones()).zip(&mut *warm).enumerate() {
        *grant = door::get(i);
        op.host_addr = u64::from(GRANTS.0 + i as u32) * PAGE_SIZE as u64;
        op.flags = GNTMAP_HOST_MAP | if page.writable { 0 } else { GNTMAP_READONLY };
        op.gref = grant.gref;
        op.dom = grant.domid as u16;
        op.status = -1;
    }
    // SAFETY: the numbers are of the zone for this, and nothing is mapped there yet.
    unsafe { hypercall::map_grants(&mut ops) };
    for (op, (handle, _)) in ops.iter().zip(&mut *warm) {
        *handle = op.handle;
    }
    ops.iter().all(|op| op.status == 0)
}

/// Puts in place what was mapped before and what came with a command, and the rest of the own part of the events region.
pub fn start(pages: &StartPages) {
    let warm = *WARM.lock();
    let mapped = everyones().zip(warm).enumerate().map(|(i, ((view, page), (handle, grant)))| {
        (view, Premapped { page, frame: GRANTS.0 + i as u32, handle, grant })
    });
    let mapped: [(usize, Premapped); EVERYONES] = {
        let mut mapped = mapped;
        core::array::from_fn(|_| mapped.next().expect("as many as there are"))
    };
    let own = events::slot_base(pages.slot) / PAGE_SIZE;
    let mut list = [PageGrant::default(); events::SLOT_SIZE / PAGE_SIZE];
    let given = list.len().min(pages.own_events as usize);
    for (i, grant) in list[..given].iter_mut().enumerate() {
        *grant = door::command_data(size_of::<StartPages>(), i);
    }
    let first = Page { id: REGION_EVENTS, index: own as u64, writable: true };
    if let Err(bad) =
        space::preload(&mapped).and_then(|()| space::map_pages(ev::EVENTS, first, &list[..given]))
    {
        panic::die(format_args!("pages of the start cannot be mapped: {bad:?}"));
    }
    for page in given..events::SLOT_SIZE / PAGE_SIZE {
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

/// The frame of a view's first page, if it has been touched.
pub fn frame_of(view: &RegionView) -> Option<u32> {
    space::frame_at(view.addr(0, 1).as_ptr() as usize)
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
