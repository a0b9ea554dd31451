//! The holder: a domain that never runs and owns the pages of a family's regions. Its frames come and go page by page. Pages of
//! files that the family cannot write are the common holder's ([`super::commons`]).

use std::cell::RefCell;
use std::rc::Rc;

use abi::Errno;

use super::commons::{self, Chunk, Commons, Entered};
use super::grantor::Grantor;
use super::hyper::Hypervisor;
use super::register::Register;

/// Frames that are kept for the next page, so that short-lived regions cost no hypercall.
const SPARE: usize = 64;
/// Frames populated at one time. Aligned to as many, they cost Xen less.
const BATCH: u64 = 16;
/// References that must be free before a member is made: twice what an ordinary one has of pages of regions.
pub(super) const MEMBER_GRANTS: usize = 192;
/// Pages that Xen has for the tables of a domain's frames at first, and how many more are asked for.
const POOL: u32 = 256;
/// Frames that one of these tables is for, and tables to spare.
pub(super) const FRAMES_OF_A_TABLE: u64 = 512;
const SPARE_TABLES: u64 = 64;
/// The first frame used; lower ones mean something to a PC.
pub(super) const FIRST_GFN: u64 = 0x200;

/// The holder domain.
pub struct Holder {
    hyper: Rc<dyn Hypervisor>,
    grantor: Rc<Grantor>,
    commons: Option<Rc<Commons>>,
    state: RefCell<State>,
}

struct State {
    /// Frames that have memory and no use.
    spare: Vec<u64>,
    /// Frame numbers below `next` that have no memory.
    holes: Vec<u64>,
    next: u64,
    /// Pages that Xen has for the tables of its frames.
    pool: u32,
    ended: bool,
}

/// One frame, of the holder or of the common one; given back when the last use of it ends.
pub struct Frame {
    owner: Owner,
    pub gfn: u64,
}

enum Owner {
    Family(Rc<Holder>),
    Common(Rc<Chunk>),
}

impl Holder {
    /// Makes one, and takes part in what the host's families have in common.
    pub fn new(hyper: Rc<dyn Hypervisor>, max_frames: u64) -> Result<Rc<Self>, Errno> {
        let Entered { grantor, commons } = commons::enter(&hyper, max_frames)?;
        let next = Register::END.next_multiple_of(BATCH);
        let state = State { spare: Vec::new(), holes: Vec::new(), next, pool: POOL, ended: false };
        let holder = Rc::new(Self { hyper, grantor, commons, state: RefCell::new(state) });
        // What was made goes with the holder where this fails.
        holder.hyper.populate(holder.domain(), &[FIRST_GFN])?;
        Ok(holder)
    }

    /// The frame that the monitor maps where there is no memory for a page.
    pub fn sink(&self) -> u64 {
        FIRST_GFN
    }

    /// Its number.
    pub fn domain(&self) -> u32 {
        self.grantor.domain()
    }

    /// Its grant table.
    pub fn grantor(&self) -> &Rc<Grantor> {
        &self.grantor
    }

    /// What the host's families have in common, where this one has a part in it and it is there.
    pub fn commons(&self) -> Option<&Rc<Commons>> {
        self.commons.as_ref().filter(|commons| !commons.is_over())
    }

    fn is_common(&self) -> bool {
        self.commons.as_ref().is_some_and(|commons| commons.domain() == self.domain())
    }

    /// Xen.
    pub fn hyper(&self) -> &Rc<dyn Hypervisor> {
        &self.hyper
    }

    /// Ends the domain, or leaves it to the families that use it still; what the monitor has mapped of it stays until it
    /// unmaps it.
    pub fn finish(&self) {
        if std::mem::replace(&mut self.state.borrow_mut().ended, true) {
            return;
        }
        self.grantor.close();
        if !self.is_common() {
            self.hyper.destroy(self.domain());
        }
        if let Some(commons) = &self.commons {
            commons.leave();
        }
    }

    /// A frame with memory, of any contents.
    pub fn frame(self: &Rc<Self>) -> Result<Rc<Frame>, Errno> {
        let mut state = self.state.borrow_mut();
        if state.spare.is_empty() {
            let wanted: Vec<u64> = match state.holes.pop() {
                Some(gfn) => vec![gfn],
                None => (state.next..state.next + BATCH).collect(),
            };
            let fresh = wanted[0] >= state.next;
            let common = self.commons.as_ref().filter(|_| self.is_common());
            let others = SPARE_TABLES + common.map_or(0, |commons| commons.tables().into());
            while state.next / FRAMES_OF_A_TABLE + others > u64::from(state.pool) {
                state.pool += POOL;
                // Where that fails, populating does.
                let _ = self.hyper.set_pool(self.domain(), state.pool);
            }
            let filled = if self.hyper.populate(self.domain(), &wanted).is_ok() {
                wanted
            } else {
                // Some of them may be there; the rest is not.
                self.hyper.depopulate(self.domain(), &wanted);
                match self.hyper.populate(self.domain(), &wanted[..1]) {
                    Ok(()) => wanted[..1].to_vec(),
                    Err(e) => {
                        if !fresh {
                            state.holes.push(wanted[0]);
                        }
                        return Err(e);
                    }
                }
            };
            if fresh {
                state.next += filled.len() as u64;
                if let Some(commons) = common {
                    commons.set_regions(state.next);
                }
            }
            state.spare.extend(filled.into_iter().rev());
        }
        let gfn = state.spare.pop().ok_or(Errno::ENOMEM)?;
        Ok(Rc::new(Frame { owner: Owner::Family(self.clone()), gfn }))
    }

    /// Whether the table has references for one more member, and some for those that run.
    pub fn has_room(&self) -> bool {
        self.grantor.has_room(MEMBER_GRANTS)
    }

    /// Looks again at references whose users had them mapped.
    pub fn collect(&self) {
        self.grantor.collect();
        if let Some(commons) = self.commons() {
            commons.grantor().collect();
        }
    }

    /// References to pages that have ended and are still mapped, and all that are in use: the holder's and the common one's.
    pub fn grants(&self) -> (usize, usize) {
        let (stuck, there) = self.grantor.counts();
        match self.commons().filter(|_| !self.is_common()).map(|commons| commons.grantor().counts()) {
            Some((more_stuck, more)) => (stuck + more_stuck, there + more),
            None => (stuck, there),
        }
    }

    fn give_back(&self, gfn: u64) {
        let mut state = self.state.borrow_mut();
        if state.ended {
            return;
        }
        if state.spare.len() < SPARE {
            state.spare.push(gfn);
        } else {
            self.hyper.depopulate(self.domain(), &[gfn]);
            state.holes.push(gfn);
        }
    }
}

impl Frame {
    /// One of the common holder, in this chunk.
    pub fn common(chunk: Rc<Chunk>, gfn: u64) -> Rc<Self> {
        Rc::new(Self { owner: Owner::Common(chunk), gfn })
    }

    /// True for one that other families may have too.
    pub fn is_common(&self) -> bool {
        matches!(self.owner, Owner::Common(_))
    }

    /// The table by which it is granted.
    pub fn grantor(&self) -> &Rc<Grantor> {
        match &self.owner {
            Owner::Family(holder) => &holder.grantor,
            Owner::Common(chunk) => chunk.grantor(),
        }
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        if let Owner::Family(holder) = &self.owner {
            holder.give_back(self.gfn);
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.finish();
    }
}
