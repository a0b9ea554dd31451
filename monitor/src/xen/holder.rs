//! The holder: a domain that never runs and owns the pages of all regions of a family. Its frames come and go page by
//! page.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use abi::Errno;

use super::hyper::{Grants, Hypervisor};

/// Frames that are kept for the next page, so that short-lived regions cost no hypercall.
const SPARE: usize = 64;
/// Frames populated at one time. Aligned to as many, they cost Xen less.
const BATCH: u64 = 16;
/// References that must be free before a member is made: twice what an ordinary one has of pages of regions.
pub(super) const MEMBER_GRANTS: usize = 192;
/// The first frame used; lower ones mean something to a PC.
const FIRST_GFN: u64 = 0x200;

/// The holder domain.
pub struct Holder {
    hyper: Rc<dyn Hypervisor>,
    domain: u32,
    state: RefCell<State>,
}

struct State {
    grants: Box<dyn Grants>,
    /// Frames that have memory and no use.
    spare: Vec<u64>,
    /// Frame numbers below `next` that have no memory.
    holes: Vec<u64>,
    next: u64,
    /// Ended, but still mapped by their users: the frames stay.
    stuck: Vec<(u32, Rc<Frame>)>,
    ended: bool,
}

/// One frame of the holder; given back when the last use of it ends.
pub struct Frame {
    holder: Rc<Holder>,
    pub gfn: u64,
}

/// Pages granted to one member, by reference.
#[derive(Default)]
pub struct Granted {
    map: BTreeMap<u32, Rc<Frame>>,
}

impl Holder {
    /// Makes one.
    pub fn new(hyper: Rc<dyn Hypervisor>, max_frames: u64) -> Result<Rc<Self>, Errno> {
        let (domain, grants) = hyper.create_holder(max_frames)?;
        let sink = FIRST_GFN;
        hyper.populate(domain, &[sink]).inspect_err(|_| hyper.destroy(domain))?;
        let state = State {
            grants,
            spare: Vec::new(),
            holes: Vec::new(),
            next: sink + BATCH,
            stuck: Vec::new(),
            ended: false,
        };
        Ok(Rc::new(Self { hyper, domain, state: RefCell::new(state) }))
    }

    /// The frame that the monitor maps where there is no memory for a page.
    pub fn sink(&self) -> u64 {
        FIRST_GFN
    }

    /// Its number.
    pub fn domain(&self) -> u32 {
        self.domain
    }

    /// Xen.
    pub fn hyper(&self) -> &Rc<dyn Hypervisor> {
        &self.hyper
    }

    /// Ends the domain; what the monitor has mapped of it stays until it unmaps it.
    pub fn finish(&self) {
        let (ended, stuck) = {
            let mut state = self.state.borrow_mut();
            (std::mem::replace(&mut state.ended, true), std::mem::take(&mut state.stuck))
        };
        drop(stuck);
        if !ended {
            self.hyper.destroy(self.domain);
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
            let filled = if self.hyper.populate(self.domain, &wanted).is_ok() {
                wanted
            } else {
                // Some of them may be there; the rest is not.
                self.hyper.depopulate(self.domain, &wanted);
                match self.hyper.populate(self.domain, &wanted[..1]) {
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
            }
            state.spare.extend(filled.into_iter().rev());
        }
        let gfn = state.spare.pop().ok_or(Errno::ENOMEM)?;
        Ok(Rc::new(Frame { holder: self.clone(), gfn }))
    }

    /// Whether the table has references for one more member, and some for those that run.
    pub fn has_room(&self) -> bool {
        self.collect();
        self.state.borrow_mut().grants.has_room(MEMBER_GRANTS)
    }

    /// Whether more than four fifths of the table are in use.
    pub fn is_crowded(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let more = state.grants.in_use() / 4;
        !state.grants.has_room(more)
    }

    /// Lets `to` use a frame; the reference.
    pub fn grant(
        &self,
        to: u32,
        frame: &Rc<Frame>,
        writable: bool,
        granted: &mut Granted,
    ) -> Result<u32, Errno> {
        self.collect();
        let given = self.state.borrow_mut().grants.grant(to, &[frame.gfn], writable);
        // A full table is a lack of memory to the member.
        let gref = given.map_err(|e| if e == Errno::ENOSPC { Errno::ENOMEM } else { e })?;
        granted.map.insert(gref, frame.clone());
        Ok(gref)
    }

    /// A member gave this reference back; false when it had none such.
    pub fn end(&self, gref: u32, granted: &mut Granted) -> bool {
        let Some(frame) = granted.map.remove(&gref) else { return false };
        let unused = {
            let mut state = self.state.borrow_mut();
            if state.grants.is_mapped(gref) || !state.grants.end(gref) {
                state.stuck.push((gref, frame));
                None
            } else {
                Some(frame)
            }
        };
        // A frame's end borrows the state.
        drop(unused);
        true
    }

    /// The member is no more: all that it had ends.
    pub fn end_all(&self, granted: &mut Granted) {
        while let Some(gref) = granted.map.keys().next().copied() {
            self.end(gref, granted);
        }
        self.collect();
    }

    /// References that have ended and are still mapped, and all that are in use.
    pub fn grants(&self) -> (usize, usize) {
        let state = self.state.borrow();
        (state.stuck.len(), state.grants.in_use())
    }

    /// Looks again at references whose users had them mapped.
    pub fn collect(&self) {
        let freed = self.state.borrow_mut().collect();
        drop(freed);
    }

    fn give_back(&self, gfn: u64) {
        let mut state = self.state.borrow_mut();
        if state.ended {
            return;
        }
        if state.spare.len() < SPARE {
            state.spare.push(gfn);
        } else {
            self.hyper.depopulate(self.domain, &[gfn]);
            state.holes.push(gfn);
        }
    }
}

impl State {
    #[must_use]
    fn collect(&mut self) -> Vec<Rc<Frame>> {
        let mut freed = Vec::new();
        for (gref, frame) in std::mem::take(&mut self.stuck) {
            if !self.grants.is_mapped(gref) && self.grants.end(gref) {
                freed.push(frame);
            } else {
                self.stuck.push((gref, frame));
            }
        }
        freed
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        self.holder.give_back(self.gfn);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Granted {
    /// How many references are out.
    pub fn len(&self) -> usize {
        self.map.len()
    }
}
