//! A PVH domain from an ELF kernel, up to the moment before it runs; and domains that only hold memory.
//!
//! Guest-physical memory as built (frames of 4 KiB): a few special frames from [`SPECIAL`] on, the door where the recipe
//! says, the image where it is linked. Nothing else is populated: a guest asks Xen for frames as it needs them.

use std::ops::Range;

use zerocopy::{Immutable, IntoBytes};

use crate::domain::DomainConfig;
use crate::hvm::param;
use crate::{DomId, ForeignMap, GrantTable, PAGE, Result, Xen, grant};

use crate::image::Content;
pub use crate::image::{Image, Segment};

/// Frames that the builder makes for itself: start info, xenstore's ring, the console's ring, identity page table.
pub const SPECIAL: u64 = 0x08;
const START_INFO: u64 = SPECIAL;
const STORE_RING: u64 = SPECIAL + 1;
const CONSOLE_RING: u64 = SPECIAL + 2;
const IDENTITY: u64 = SPECIAL + 3;

/// How a domain is to be built.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// What it is like in general.
    pub config: DomainConfig,
    /// Frames that it may have in all, those included that are built.
    pub max_pages: u64,
    /// Bytes for its second-level page tables; None: Xen's initial 1 MiB.
    pub paging_pool: Option<u64>,
    /// Frames of the door, which stay mapped here.
    pub door: Range<u64>,
    /// Whether it has a console ring (see [`crate::names`]).
    pub console: bool,
    /// Whether it has a xenstore ring, so that it can be [introduced](crate::Store::introduce).
    pub store: bool,
}

impl Default for Recipe {
    /// 64 MiB at most, no door, a console and a xenstore ring.
    fn default() -> Recipe {
        Recipe {
            config: DomainConfig::default(),
            max_pages: 16 << 10,
            paging_pool: None,
            door: 0..0,
            console: true,
            store: true,
        }
    }
}

/// What the caller fills before the domain runs.
#[derive(Debug)]
pub struct Door<'a> {
    /// The domain.
    pub domain: DomId,
    /// Its door, zeroed.
    pub map: &'a ForeignMap,
    /// The domain's port that waits for dom0 to bind itself (see [`Built::port`]).
    pub port: u32,
    /// The first frame behind everything that was built.
    pub first_free_gfn: u64,
}

/// A ring of the domain to a daemon in dom0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ring {
    /// Its frame.
    pub gfn: u64,
    /// The domain's port.
    pub port: u32,
}

/// A domain that is ready to run. Destroying it is the caller's business.
#[derive(Debug)]
pub struct Built {
    /// The domain; paused.
    pub domain: DomId,
    /// Its door.
    pub door: ForeignMap,
    /// Its grant table.
    pub grants: GrantTable,
    /// The domain's port for dom0: [`crate::EventChannels::bind`] takes it.
    pub port: u32,
    /// Xenstore's ring.
    pub store: Option<Ring>,
    /// The console's ring.
    pub console: Option<Ring>,
    /// The first frame behind everything that was built.
    pub first_free_gfn: u64,
    /// What was written to while it was built. To unmap it takes its time, and may be left for later.
    pub scaffold: ForeignMap,
}

/// Builds a domain; `fill` writes into its door what the guest must know. If anything fails, nothing is left of it.
pub fn build(
    xen: &Xen,
    image: &Image,
    recipe: &Recipe,
    fill: impl FnOnce(&Door<'_>) -> Result<()>,
) -> Result<Built> {
    let domain = xen.create_domain(&recipe.config)?;
    let built = populate(xen, domain, image, recipe).and_then(|built| {
        let Built { port, first_free_gfn, .. } = built;
        fill(&Door { domain, map: &built.door, port, first_free_gfn })?;
        Ok(built)
    });
    built.inspect_err(|_| drop(xen.destroy(domain)))
}

/// Builds a domain that never runs and only owns memory: populate it with [`Xen::populate`], map it with [`ForeignMap`],
/// and let others have it through its [`GrantTable`].
pub fn holder(xen: &Xen, recipe: &Recipe) -> Result<DomId> {
    let domain = xen.create_domain(&recipe.config)?;
    limits(xen, domain, recipe).inspect_err(|_| drop(xen.destroy(domain)))?;
    Ok(domain)
}

/// Gives a domain frames of its image again that it has given back, sealed as they were. All or none.
pub fn restore(xen: &Xen, domain: DomId, image: &Image, frames: Range<u64>) -> Result<()> {
    let gfns: Vec<u64> = frames.clone().collect();
    let page = PAGE as u64;
    let filled = xen.populate_pages(domain, &gfns).and_then(|()| {
        let window = ForeignMap::new(xen, domain, &gfns)?;
        window.zero(0, gfns.len() * PAGE);
        let start = frames.start * page;
        image
            .within(start..frames.end * page, &mut |at, bytes| window.write((at - start) as usize, bytes))?;
        xen.seal(domain, frames.start, gfns.len() as u32)
    });
    filled.inspect_err(|_| drop(xen.depopulate(domain, &gfns, 0)))
}

fn limits(xen: &Xen, domain: DomId, recipe: &Recipe) -> Result<()> {
    xen.set_max_vcpus(domain, recipe.config.max_vcpus)?;
    xen.set_max_pages(domain, recipe.max_pages)?;
    match recipe.paging_pool {
        Some(bytes) => xen.set_paging_pool(domain, bytes),
        None => Ok(()),
    }
}

fn open_table(xen: &Xen, domain: DomId, recipe: &Recipe) -> Result<GrantTable> {
    GrantTable::open(xen, domain, recipe.config.max_grant_frames.unwrap_or(u32::MAX))
}

fn populate(xen: &Xen, domain: DomId, image: &Image, recipe: &Recipe) -> Result<Built> {
    limits(xen, domain, recipe)?;
    xen.set_tsc_native(domain)?;
    let specials =
        [(true, START_INFO), (recipe.store, STORE_RING), (recipe.console, CONSOLE_RING), (true, IDENTITY)];
    let special: Vec<u64> = specials.into_iter().filter(|(wanted, _)| *wanted).map(|(_, gfn)| gfn).collect();
    let door: Vec<u64> = recipe.door.clone().collect();
    let frames = image.frames();
    let all: Vec<u64> = [special.as_slice(), &door, &frames].concat();
    xen.populate_pages(domain, &all)?;
    let first_free_gfn = all.iter().max().map_or(0, |last| last + 1);

    let mut grants = open_table(xen, domain, recipe)?;
    let window = ForeignMap::new(xen, domain, &[frames.as_slice(), &special].concat())?;
    load(image, &frames, &window)?;
    for frames in image.sealed() {
        xen.seal(domain, frames.start, (frames.end - frames.start) as u32)?;
    }
    window.zero(frames.len() * PAGE, special.len() * PAGE);
    let offset = |gfn| (frames.len() + special.iter().position(|one| *one == gfn).unwrap_or(0)) * PAGE;
    window.write(offset(START_INFO), start_info(first_free_gfn).as_bytes());
    window.write(offset(IDENTITY), &identity_table());

    let mut ring = |wanted: bool, gfn, reference, pfn_param, port_param| -> Result<Option<Ring>> {
        if !wanted {
            return Ok(None);
        }
        let port = xen.alloc_unbound(domain, DomId::DOM0)?;
        grants.grant_reserved(reference, DomId::DOM0, gfn);
        xen.set_param(domain, pfn_param, gfn)?;
        xen.set_param(domain, port_param, port.into())?;
        Ok(Some(Ring { gfn, port }))
    };
    let store = ring(recipe.store, STORE_RING, grant::XENSTORE, param::STORE_PFN, param::STORE_EVTCHN)?;
    let console =
        ring(recipe.console, CONSOLE_RING, grant::CONSOLE, param::CONSOLE_PFN, param::CONSOLE_EVTCHN)?;
    xen.set_param(domain, param::IDENT_PT, IDENTITY * PAGE as u64)?;
    xen.set_pvh_entry(domain, image.entry(), (START_INFO * PAGE as u64) as u32)?;

    let door =
        if door.is_empty() { ForeignMap::reserve(xen, 1)? } else { ForeignMap::new(xen, domain, &door)? };
    if !recipe.door.is_empty() {
        door.zero(0, door.pages() * PAGE);
    }
    let port = xen.alloc_unbound(domain, DomId::DOM0)?;
    Ok(Built { domain, door, grants, port, store, console, first_free_gfn, scaffold: window })
}

/// Copies the image into a window that begins with its frames.
fn load(image: &Image, frames: &[u64], window: &ForeignMap) -> Result<()> {
    let mut done = 0;
    image.load(&mut |segment, content| {
        let frame = segment.address / PAGE as u64;
        let index = frames.partition_point(|one| *one < frame);
        let at = index * PAGE + (segment.address % PAGE as u64) as usize;
        // Memory that Xen gives is no promise of zeros.
        window.zero(done, at.saturating_sub(done));
        let len = (segment.in_file.end - segment.in_file.start) as usize;
        match content {
            Content::Bytes(bytes) => window.write(at, bytes),
            Content::File(file) => window.read_file(at, file, segment.in_file.clone())?,
        }
        window.zero(at + len, segment.size as usize - len);
        done = at + segment.size as usize;
        Ok(())
    })?;
    window.zero(done, frames.len() * PAGE - done);
    Ok(())
}

/// `struct hvm_start_info` (arch-x86/hvm/start_info.h), with a memory map of one entry behind it.
#[repr(C)]
#[derive(IntoBytes, Immutable)]
struct StartInfo {
    magic: u32,
    version: u32,
    flags: u32,
    nr_modules: u32,
    modlist: u64,
    cmdline: u64,
    rsdp: u64,
    memmap: u64,
    memmap_entries: u32,
    reserved: u32,
    ram_start: u64,
    ram_size: u64,
    ram_type: u32,
    ram_reserved: u32,
}

fn start_info(frames: u64) -> StartInfo {
    const RAM: u32 = 1;
    StartInfo {
        magic: 0x336e_c578,
        version: 1,
        flags: 0,
        nr_modules: 0,
        modlist: 0,
        cmdline: 0,
        rsdp: 0,
        memmap: START_INFO * PAGE as u64 + 56,
        memmap_entries: 1,
        reserved: 0,
        ram_start: 0,
        ram_size: frames * PAGE as u64,
        ram_type: RAM,
        ram_reserved: 0,
    }
}

/// A 32-bit page directory of 4 MiB pages, one to one: present, writable, user, accessed, dirty, large.
fn identity_table() -> Vec<u8> {
    (0..1024_u32).flat_map(|index| (index << 22 | 0xe7).to_le_bytes()).collect()
}
