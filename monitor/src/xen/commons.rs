//! What the families of a host have in common: pages of files that none of them can write, one copy for all, in a holder
//! that every family may use. It is the own holder of the family that came first; it stays when that family ends, as long
//! as another uses it, and goes with the last one.
//!
//! Whoever cannot have a page from here, whatever the reason, has a copy of its own in its family's holder: nobody waits
//! for another family, but for the short while in which it holds the host's lock.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::{Rc, Weak};

use abi::Errno;

use super::grantor::Grantor;
use super::holder::Frame;
use super::hyper::{Blocks, Hypervisor};
use super::register::{self, Register, Version};

/// The name in `xl list` once the family is gone whose holder it was.
const NAME: &str = "offshoot.files";

/// How often whoever leaves asks for the lock.
const PATIENCE: u32 = 50;

/// A family's part in it.
pub struct Commons {
    hyper: Rc<dyn Hypervisor>,
    register: Rc<Register>,
    grantor: Rc<Grantor>,
    user: u32,
    /// By record.
    chunks: RefCell<BTreeMap<u32, Weak<Chunk>>>,
    /// Left, or lost: nothing is asked of it any more.
    over: Cell<bool>,
}

/// Pages in a row of a file, kept there as long as this lives.
pub struct Chunk {
    commons: Rc<Commons>,
    record: u32,
}

/// A family's own holder domain, and its part in the commons, if it has any.
pub struct Entered {
    pub grantor: Rc<Grantor>,
    pub commons: Option<Rc<Commons>>,
}

/// Divides the table of the common holder: half of it is its creator's, whatever the others want.
struct Shares {
    hyper: Rc<dyn Hypervisor>,
    domain: u32,
    register: Rc<Register>,
    user: u32,
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shares").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Blocks for Shares {
    fn claim(&self) -> Option<usize> {
        let mut block = None;
        let most = self.hyper.common_blocks(self.domain) / 2;
        self.hyper.locked(&mut || block = self.register.take_block(self.user, most));
        block
    }
    fn release(&self, block: usize) {
        self.hyper.locked(&mut || self.register.free_block(block));
    }
}

/// Makes a family's holder, which may own this many frames, and enters the commons with it.
pub fn enter(hyper: &Rc<dyn Hypervisor>, max_frames: u64) -> Result<Entered, Errno> {
    let (mut first, mut joined) = (None, None);
    hyper.locked(&mut || match cleared(hyper) {
        Some((domain, register)) => joined = register.and_then(|register| join(hyper, domain, register)),
        None => first = Some(begin(hyper, max_frames)),
    });
    if let Some(made) = first {
        return made;
    }
    let domain = hyper.create_holder(max_frames, false)?;
    let grants = hyper.holder_table(domain).inspect_err(|_| hyper.destroy(domain))?;
    Ok(Entered { grantor: Grantor::new(domain, grants), commons: joined })
}

/// The first family of the host: its own holder is for all.
fn begin(hyper: &Rc<dyn Hypervisor>, max_frames: u64) -> Result<Entered, Errno> {
    let domain = hyper.create_holder(max_frames, true)?;
    let register = Register::create(hyper, domain).inspect_err(|_| hyper.destroy(domain))?;
    let commons = join(hyper, domain, register).ok_or(Errno::EAGAIN)?;
    commons.register.set_creator(Some(commons.user));
    Ok(Entered { grantor: commons.grantor.clone(), commons: Some(commons) })
}

fn join(hyper: &Rc<dyn Hypervisor>, domain: u32, register: Register) -> Option<Rc<Commons>> {
    let register = Rc::new(register);
    let user = register.enter(hyper.monitor())?;
    let shares = Shares { hyper: hyper.clone(), domain, register: register.clone(), user };
    let grantor = Grantor::new(domain, hyper.common_table(domain, Box::new(shares)));
    let (hyper, chunks, over) = (hyper.clone(), RefCell::default(), Cell::new(false));
    Some(Rc::new(Commons { hyper, register, grantor, user, chunks, over }))
}

/// Removes what dead monitors left in the common holder, and the holder itself when nobody uses it. Their members are gone.
pub fn sweep(hyper: &Rc<dyn Hypervisor>) {
    // Where the lock cannot be had, another command is at it, or the next one will be.
    hyper.locked(&mut || drop(cleared(hyper)));
}

/// The common holder without what dead monitors left there; none if there is none any more. Its register, if it can be used.
fn cleared(hyper: &Rc<dyn Hypervisor>) -> Option<(u32, Option<Register>)> {
    let (domain, maker) = hyper.common_holder()?;
    let register = Register::open(hyper, domain);
    let lives = match &register {
        Some(register) => register.users().any(|(_, name)| hyper.is_monitor(name)),
        // It has none yet only if its maker was killed at it.
        None => hyper.is_monitor(maker),
    };
    if !lives {
        drop(register);
        hyper.destroy(domain);
        return None;
    }
    if let Some(register) = &register {
        remove_dead(hyper, domain, register);
    }
    Some((domain, register.filter(Register::is_current)))
}

fn remove_dead(hyper: &Rc<dyn Hypervisor>, domain: u32, register: &Register) {
    let dead: Vec<u32> =
        register.users().filter(|(_, name)| !hyper.is_monitor(*name)).map(|(user, _)| user).collect();
    for user in dead {
        remove(hyper, domain, register, user);
    }
}

/// A user goes, with all that it had.
fn remove(hyper: &Rc<dyn Hypervisor>, domain: u32, register: &Register, user: u32) {
    if !register.is_current() {
        // What it had is written in a way that is not known here: it goes with the holder.
        return register.remove(user);
    }
    let give_back = |gfns: &[u64]| hyper.depopulate(domain, gfns);
    // What cannot be reached for want of memory stays until the holder goes.
    for record in register.held_by(user).unwrap_or_default() {
        let _ = register.let_go(record, user, &give_back);
    }
    for block in register.blocks(user) {
        // Entries that are still in use stay as they are, and their block with the user's number.
        if hyper.clear_block(domain, block) {
            register.free_block(block);
        }
    }
    register.remove(user);
    if register.creator() == Some(user) {
        register.set_creator(None);
        give_back(&register.regions().collect::<Vec<u64>>());
        hyper.rename(domain, NAME);
    }
}

impl Commons {
    /// The common holder's table.
    pub fn grantor(&self) -> &Rc<Grantor> {
        &self.grantor
    }

    /// The common holder.
    pub fn domain(&self) -> u32 {
        self.grantor.domain()
    }

    /// Xen.
    pub fn hyper(&self) -> &Rc<dyn Hypervisor> {
        &self.hyper
    }

    /// True when the family has left it, or it is gone.
    pub fn is_over(&self) -> bool {
        self.over.get()
    }

    /// The pages of a file from page `number` × [`register::CHUNK`] on; none when they cannot be there now.
    pub fn chunk(self: &Rc<Self>, version: &Version, number: u64) -> Option<Rc<Chunk>> {
        let mut record = None;
        if !self.over.get() {
            self.hyper.locked(&mut || record = self.register.hold(version, number, self.user).ok());
        }
        let record = record?;
        let mut chunks = self.chunks.borrow_mut();
        if let Some(known) = chunks.get(&record).and_then(Weak::upgrade) {
            return Some(known);
        }
        let chunk = Rc::new(Chunk { commons: self.clone(), record });
        chunks.insert(record, Rc::downgrade(&chunk));
        Some(chunk)
    }

    /// How many tables Xen needs for what is not the creator's regions.
    pub fn tables(&self) -> u32 {
        self.register.tables()
    }

    /// The creator's regions end at this frame.
    pub fn set_regions(&self, end: u64) {
        if self.register.creator() == Some(self.user) {
            self.register.set_regions(end);
        }
    }

    /// The family needs it no more: none of its members is there.
    pub fn leave(&self) {
        if self.over.replace(true) {
            return;
        }
        self.grantor.close();
        let leave = &mut || {
            let lives = |(user, name): (u32, u64)| user != self.user && self.hyper.is_monitor(name);
            if self.register.users().any(lives) {
                remove(&self.hyper, self.domain(), &self.register, self.user);
            } else {
                self.hyper.destroy(self.domain());
            }
        };
        // Where the lock cannot be had, the next command finds a user that is no more.
        let _ = (0..PATIENCE).any(|_| self.hyper.locked(leave));
    }

    /// Somebody took the domain away.
    pub fn is_lost(&self) {
        self.over.set(true);
        self.grantor.close();
        self.register.close();
    }
}

impl Chunk {
    /// The common holder's frame of a page, if the page is there.
    pub fn frame(self: &Rc<Self>, page: u64) -> Option<Rc<Frame>> {
        let ready = self.commons.register.is_ready(self.record, page);
        ready.then(|| Frame::common(self.clone(), self.gfn(page)))
    }

    /// Which frame it is.
    pub fn gfn(&self, page: u64) -> u64 {
        register::gfn(self.record, page)
    }

    /// The page is the caller's to fill, and to [`Chunk::finish`]; false when it is there, or somebody else's.
    pub fn begin(&self, page: u64) -> bool {
        self.commons.register.begin(self.record, page, self.commons.user)
    }

    /// The page that was begun is there, or has no frame.
    pub fn finish(&self, page: u64, filled: bool) {
        self.commons.register.finish(self.record, page, filled);
    }

    /// The common holder's table.
    pub fn grantor(&self) -> &Rc<Grantor> {
        &self.commons.grantor
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        let Commons { hyper, register, user, chunks, .. } = &*self.commons;
        chunks.borrow_mut().remove(&self.record);
        if self.commons.over.get() {
            return;
        }
        let give_back = |gfns: &[u64]| hyper.depopulate(self.commons.domain(), gfns);
        // Where that fails, the pages stay until the family leaves.
        hyper.locked(&mut || register.let_go(self.record, *user, &give_back).unwrap_or_default());
    }
}
