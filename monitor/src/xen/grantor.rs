//! A domain whose pages members are granted: the family's holder, or the host's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use abi::Errno;
use protocol::xen::PageGrant;

use super::holder::Frame;
use super::hyper::Grants;

/// A domain's grant table, and what of it has ended and is still mapped.
pub struct Grantor {
    domain: u32,
    state: RefCell<State>,
}

struct State {
    /// None once the domain is gone, or about to go.
    grants: Option<Box<dyn Grants>>,
    /// Ended, but still mapped by their users: the frames stay.
    stuck: Vec<(u32, Rc<Frame>)>,
}

/// Pages granted to one member.
#[derive(Default)]
pub struct Granted {
    /// By the domain whose they are, and the reference.
    map: BTreeMap<(u32, u32), Rc<Frame>>,
}

impl Grantor {
    /// Nothing is granted yet.
    pub fn new(domain: u32, grants: Box<dyn Grants>) -> Rc<Self> {
        Rc::new(Self { domain, state: RefCell::new(State { grants: Some(grants), stuck: Vec::new() }) })
    }

    /// The domain.
    pub fn domain(&self) -> u32 {
        self.domain
    }

    /// Whether the table has references for so many more.
    pub fn has_room(&self, count: usize) -> bool {
        self.collect();
        self.state.borrow_mut().grants.as_mut().is_some_and(|grants| grants.has_room(count))
    }

    /// Whether more than four fifths of the table are in use.
    pub fn is_crowded(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let Some(grants) = &mut state.grants else { return false };
        let more = grants.in_use() / 4;
        !grants.has_room(more)
    }

    /// References that have ended and are still mapped, and all that are in use.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.state.borrow();
        (state.stuck.len(), state.grants.as_ref().map_or(0, |grants| grants.in_use()))
    }

    /// Looks again at references whose users had them mapped.
    pub fn collect(&self) {
        let freed = self.state.borrow_mut().collect();
        drop(freed);
    }

    /// The domain goes: nothing more is granted, and what is still mapped is nobody's business.
    pub fn close(&self) {
        let gone = {
            let mut state = self.state.borrow_mut();
            (std::mem::take(&mut state.stuck), state.grants.take())
        };
        // A frame's end may look at the state.
        drop(gone);
    }

    fn give(&self, to: u32, frame: &Frame, writable: bool) -> Result<u32, Errno> {
        self.collect();
        let mut state = self.state.borrow_mut();
        let grants = state.grants.as_mut().ok_or(Errno::ENOMEM)?;
        let given = grants.grant(to, &[frame.gfn], writable);
        // A full table is a lack of memory to the member.
        given.map_err(|e| if e == Errno::ENOSPC { Errno::ENOMEM } else { e })
    }

    fn end(&self, gref: u32, frame: Rc<Frame>) {
        let unused = {
            let mut state = self.state.borrow_mut();
            if state.end(gref) {
                Some(frame)
            } else {
                state.stuck.push((gref, frame));
                None
            }
        };
        // A frame's end may look at the state.
        drop(unused);
    }
}

impl State {
    /// False when somebody has it mapped.
    fn end(&mut self, gref: u32) -> bool {
        self.grants.as_mut().is_none_or(|grants| !grants.is_mapped(gref) && grants.end(gref))
    }

    #[must_use]
    fn collect(&mut self) -> Vec<Rc<Frame>> {
        let mut freed = Vec::new();
        for (gref, frame) in std::mem::take(&mut self.stuck) {
            if self.end(gref) {
                freed.push(frame);
            } else {
                self.stuck.push((gref, frame));
            }
        }
        freed
    }
}

impl Granted {
    /// Lets the member, which is `to`, use a frame.
    pub fn add(&mut self, to: u32, frame: &Rc<Frame>, writable: bool) -> Result<PageGrant, Errno> {
        let grantor = frame.grantor();
        let gref = grantor.give(to, frame, writable)?;
        self.map.insert((grantor.domain, gref), frame.clone());
        Ok(PageGrant { domid: grantor.domain, gref })
    }

    /// The member gave this back; false when it had no such.
    pub fn end(&mut self, page: PageGrant) -> bool {
        let Some(frame) = self.map.remove(&(page.domid, page.gref)) else { return false };
        let grantor = frame.grantor().clone();
        grantor.end(page.gref, frame);
        true
    }

    /// The member is no more: all that it had ends.
    pub fn end_all(&mut self) {
        while let Some((domid, gref)) = self.map.keys().next().copied() {
            self.end(PageGrant { domid, gref });
        }
    }

    /// A domain is no more that some of it was of.
    pub fn forget(&mut self, domain: u32) {
        self.map.retain(|(domid, _), _| *domid != domain);
    }

    /// How many references are out.
    pub fn len(&self) -> usize {
        self.map.len()
    }
}
