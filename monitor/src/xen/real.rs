//! Xen itself, through `xenctl`.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::ptr::NonNull;
use std::rc::Rc;
use std::time::{Duration, Instant};

use abi::Errno;
use anyhow::{Context, Result, bail};
use protocol::xen::{DOOR_GFN, DOOR_PAGES, POOL_PAGES};
use xenctl::build::{Image, Recipe, build, holder, restore};
use xenctl::grant::Access;
use xenctl::names::{Identity, publish, rename, withdraw};
use xenctl::{DomId, DomainConfig, Error, EventChannels, ForeignMap, GrantRef, GrantTable, Store, Xen};

use super::commons;
use super::hyper::{Blocks, Built, Grants, Hypervisor, Status};
use super::sweep::{COMMON, Owner, is_common, sweep_with};
use super::window::Window;
use crate::report::say;

/// Frames of an image that are restored at one question.
const MOST_RESTORED: u64 = 0x400;
/// A failure that has not come again for so long has passed.
const PASSED: Duration = Duration::from_secs(10);

/// How long another monitor may take with what all of them change.
const LOCK_WAIT: Duration = Duration::from_millis(20);

/// Xen from this dom0.
struct Real {
    xen: Xen,
    /// The members' kernel; a command that runs none has none.
    image: Option<Image>,
    channels: EventChannels,
    /// Opened when there is something to tell; None where no xenstore runs: then domains have no names.
    store: OnceCell<Option<RefCell<Store>>>,
    owner: Owner,
    /// UUIDs of our domains, and whether xenstore knows them.
    uuids: RefCell<BTreeMap<u32, ([u8; 16], bool)>>,
    count: Cell<u32>,
    /// What is still mapped of domains that were built.
    scaffolds: RefCell<Vec<ForeignMap>>,
    /// Why a domain could not be built, and when that was last.
    failure: Cell<Option<(Errno, Instant)>>,
}

/// Opens Xen for a family whose members run the kernel at this path.
pub fn open(kernel: &Path) -> Result<Rc<dyn Hypervisor>> {
    let xen = Xen::open().map_err(|e| anyhow::anyhow!("not a Xen dom0: {e}"))?;
    let channels = EventChannels::open().map_err(|e| anyhow::anyhow!("not a Xen dom0: {e}"))?;
    let file = File::open(kernel).with_context(|| {
        format!("cannot read the members' kernel {}: build it with `cargo xtask build`", kernel.display())
    })?;
    let Ok(image) = Image::read(file) else {
        bail!("{} is no kernel for Xen members", kernel.display());
    };
    sweep_with(&xen);
    // Memory that comes and goes with each question stays: faulting it in again costs more than the question.
    crate::setup::keep_freed_memory();
    Ok(Rc::new(Real::over(xen, channels, Some(image))))
}

/// Removes what dead monitors left of what all families use.
pub fn sweep_commons(xen: Xen) {
    if let Ok(channels) = EventChannels::open() {
        let hyper: Rc<dyn Hypervisor> = Rc::new(Real::over(xen, channels, None));
        commons::sweep(&hyper);
    }
}

/// A failure as the guest sees it.
fn errno(e: Error) -> Errno {
    match e.errno() {
        Some(libc::ENOSPC) => Errno::ENOSPC,
        Some(libc::ESRCH) => Errno::ESRCH,
        _ if e.is_out_of_memory() => Errno::ENOMEM,
        _ => Errno::EAGAIN,
    }
}

fn id(domain: u32) -> DomId {
    DomId(domain as u16)
}

impl Real {
    fn over(xen: Xen, channels: EventChannels, image: Option<Image>) -> Self {
        Self {
            xen,
            image,
            channels,
            store: OnceCell::new(),
            owner: Owner::this(),
            uuids: RefCell::default(),
            count: Cell::new(0),
            scaffolds: RefCell::default(),
            failure: Cell::default(),
        }
    }

    fn config(&self) -> DomainConfig {
        self.count.set(self.count.get() + 1);
        DomainConfig { uuid: self.owner.uuid(self.count.get()), ..DomainConfig::default() }
    }

    fn publish(&self, domain: DomId, name: &str, uuid: [u8; 16]) {
        self.uuids.borrow_mut().insert(domain.0.into(), (uuid, true));
        self.with_store(|store| publish(store, domain, &Identity { name, uuid, console: None }));
    }

    /// Names are for operators: a xenstore that refuses stops nothing.
    fn with_store(&self, f: impl FnOnce(&mut Store) -> xenctl::Result<()>) {
        let store = self.store.get_or_init(|| Store::open().ok().map(RefCell::new));
        if let Some(store) = store
            && let Err(e) = f(&mut store.borrow_mut())
        {
            say(&format!("xl will not know all names: {e}"));
        }
    }
}

impl Hypervisor for Real {
    fn create_holder(&self, max_frames: u64, common: bool) -> Result<u32, Errno> {
        let config = if common {
            DomainConfig { uuid: self.owner.uuid(COMMON), ..DomainConfig::default() }
        } else {
            self.config()
        };
        let uuid = config.uuid;
        let recipe =
            Recipe { config, max_pages: max_frames, console: false, store: false, ..Recipe::default() };
        let domain = holder(&self.xen, &recipe).map_err(errno)?;
        self.uuids.borrow_mut().insert(domain.0.into(), (uuid, false));
        Ok(domain.0.into())
    }
    fn holder_table(&self, domain: u32) -> Result<Box<dyn Grants>, Errno> {
        let table = GrantTable::open(&self.xen, id(domain), u32::MAX).map_err(errno)?;
        Ok(Box::new(table))
    }
    fn common_holder(&self) -> Option<(u32, u64)> {
        let domains = self.xen.domains().ok()?;
        let found = domains.iter().find(|d| !d.is_dying() && is_common(&d.uuid))?;
        // Its maker told its name, or will.
        self.uuids.borrow_mut().entry(found.id.0.into()).or_insert((found.uuid, true));
        Some((found.id.0.into(), Owner::of(&found.uuid)?.name()))
    }
    fn common_table(&self, domain: u32, blocks: Box<dyn Blocks>) -> Box<dyn Grants> {
        Box::new(GrantTable::shared(&self.xen, id(domain), blocks))
    }
    fn common_blocks(&self, domain: u32) -> usize {
        let frames = self.xen.grant_frames(id(domain)).unwrap_or(0);
        frames as usize * xenctl::grant::BLOCKS_PER_FRAME
    }
    fn clear_block(&self, domain: u32, block: usize) -> bool {
        GrantTable::clear(&self.xen, id(domain), block).unwrap_or(false)
    }
    fn locked(&self, f: &mut dyn FnMut()) -> bool {
        self.xen.locked(LOCK_WAIT, f).is_ok()
    }
    fn monitor(&self) -> u64 {
        self.owner.name()
    }
    fn is_monitor(&self, name: u64) -> bool {
        Owner::named(name).lives()
    }
    fn build(&self, max_frames: u64) -> Result<Built, Errno> {
        let image = self.image.as_ref().ok_or(Errno::ENOSYS)?;
        let config = self.config();
        let uuid = config.uuid;
        let first = DOOR_GFN;
        let recipe = Recipe {
            config,
            max_pages: max_frames,
            paging_pool: Some(u64::from(POOL_PAGES) * xenctl::PAGE as u64),
            door: first..first + DOOR_PAGES as u64,
            console: false,
            store: false,
        };
        let built = build(&self.xen, image, &recipe, |_| Ok(())).map_err(|e| {
            // It is tried again and again, now and then with success: what is wrong is told when it begins.
            let line = format!("cannot build a domain: {e}");
            let why = errno(e);
            let before = self.failure.replace(Some((why, Instant::now())));
            if before.is_none_or(|(known, at)| known != why || at.elapsed() > PASSED) {
                say(&line);
            }
            why
        })?;
        self.scaffolds.borrow_mut().push(built.scaffold);
        self.uuids.borrow_mut().insert(built.domain.0.into(), (uuid, false));
        Ok(Built {
            domain: built.domain.0.into(),
            port: built.port,
            door: Rc::new(RealWindow(built.door)),
            grants: Box::new(built.grants),
            first_free_gfn: built.first_free_gfn,
        })
    }
    fn tidy(&self) -> bool {
        self.scaffolds.borrow_mut().pop().is_some()
    }
    fn unpause(&self, domain: u32) -> Result<(), Errno> {
        self.xen.unpause(id(domain)).map_err(errno)
    }
    fn pause(&self, domain: u32) -> Result<(), Errno> {
        self.xen.pause(id(domain)).map_err(errno)
    }
    fn destroy(&self, domain: u32) {
        // What is mapped of it would keep it.
        self.scaffolds.take();
        // A failure means that it is gone.
        let _ = self.xen.destroy(id(domain));
        if let Some((uuid, true)) = self.uuids.borrow_mut().remove(&domain) {
            self.with_store(|store| withdraw(store, id(domain), &uuid));
        }
    }
    fn rename(&self, domain: u32, name: &str) {
        let known = self.uuids.borrow().get(&domain).copied();
        match known {
            Some((uuid, true)) => self.with_store(|store| rename(store, id(domain), &uuid, name)),
            Some((uuid, false)) => self.publish(id(domain), name, uuid),
            None => {}
        }
    }
    fn lives(&self, domain: u32) -> bool {
        // Where Xen does not tell, its user will find out.
        self.xen.domain_info(id(domain)).map_or(true, |info| info.is_some_and(|d| !d.is_dying()))
    }
    fn list(&self) -> Result<Vec<Status>, Errno> {
        let list = self.xen.domains().map_err(errno)?;
        let status = |d: &xenctl::DomainInfo| Status {
            domain: d.id.0.into(),
            shutdown: d.shutdown(),
            dying: d.is_dying(),
            pages: d.pages,
            cpu_ns: d.cpu_time,
        };
        Ok(list.iter().map(status).collect())
    }
    fn free_frames(&self) -> Result<u64, Errno> {
        self.xen.host_memory().map(|memory| memory.free).map_err(errno)
    }
    fn crash_report(&self, domain: u32) -> String {
        match self.xen.registers(id(domain)) {
            Ok(r) => super::crash::of_registers(&r),
            Err(_) => "the domain shut down with a crash".to_owned(),
        }
    }
    fn populate(&self, domain: u32, gfns: &[u64]) -> Result<(), Errno> {
        self.xen.populate_pages(id(domain), gfns).map_err(errno)
    }
    fn restore(&self, domain: u32, frames: Range<u64>) -> Result<(), Errno> {
        let image = self.image.as_ref().ok_or(Errno::ENOSYS)?;
        let sealed = image.sealed();
        let fixed = |frame: u64| sealed.iter().any(|range| range.contains(&frame));
        if frames.is_empty() || frames.end - frames.start > MOST_RESTORED || !frames.clone().all(fixed) {
            return Err(Errno::EINVAL);
        }
        restore(&self.xen, id(domain), image, frames).map_err(errno)
    }
    fn set_pool(&self, domain: u32, pages: u32) -> Result<(), Errno> {
        self.xen.set_paging_pool(id(domain), u64::from(pages) * xenctl::PAGE as u64).map_err(errno)
    }
    fn depopulate(&self, domain: u32, gfns: &[u64]) {
        let mut left = gfns;
        while !left.is_empty() {
            // Frames that are not there are well given back.
            let done = self.xen.depopulate(id(domain), left, 0).unwrap_or(0);
            left = &left[(done + 1).min(left.len())..];
        }
    }
    fn window(&self, pages: usize) -> Result<Rc<dyn Window>, Errno> {
        let window = ForeignMap::reserve(&self.xen, pages).map_err(errno)?;
        Ok(Rc::new(RealWindow(window)))
    }
    fn bind(&self, domain: u32, port: u32) -> Result<u32, Errno> {
        self.channels.bind(id(domain), port).map_err(errno)
    }
    fn unbound(&self, domain: u32, to: u32) -> Result<u32, Errno> {
        self.xen.alloc_unbound(id(domain), id(to)).map_err(errno)
    }
    fn ring(&self, port: u32) {
        // Nobody is there to hear any more: nothing to do.
        let _ = self.channels.notify(port);
    }
    fn close(&self, port: u32) {
        let _ = self.channels.unbind(port);
    }
    fn rang(&self, ports: &mut Vec<u32>) {
        let first = ports.len();
        // What was read before an error is still served.
        let _ = self.channels.pending(ports);
        let _ = self.channels.unmask(&ports[first..]);
    }
    fn give_way(&self) {
        // Whoever cannot goes on by itself.
        let _ = self.xen.give_way();
    }
    fn fd(&self) -> BorrowedFd<'_> {
        self.channels.as_fd()
    }
}

struct RealWindow(ForeignMap);

impl Window for RealWindow {
    fn base(&self) -> NonNull<u8> {
        NonNull::new(self.0.base()).unwrap_or(NonNull::dangling())
    }
    fn len(&self) -> usize {
        self.0.pages() * xenctl::PAGE
    }
    fn map(&self, page: usize, domain: u32, gfns: &[u64]) -> Result<(), Errno> {
        self.0.map(page, id(domain), gfns).map_err(errno)
    }
    fn unmap(&self, page: usize, pages: usize) -> Result<(), Errno> {
        self.0.unmap(page, pages).map_err(errno)
    }
}

impl Grants for GrantTable {
    fn grant(&mut self, to: u32, gfns: &[u64], writable: bool) -> Result<u32, Errno> {
        let access = if writable { Access::ReadWrite } else { Access::ReadOnly };
        let first = self.grant_all(id(to), gfns.iter().copied(), access);
        first.map(|gref| gref.0).map_err(errno)
    }
    fn end(&mut self, gref: u32) -> bool {
        GrantTable::end(self, GrantRef(gref))
    }
    fn has_room(&mut self, count: usize) -> bool {
        GrantTable::has_room(self, count)
    }
    fn in_use(&self) -> usize {
        GrantTable::in_use(self)
    }
    fn is_mapped(&self, gref: u32) -> bool {
        GrantTable::is_mapped(self, GrantRef(gref))
    }
}
