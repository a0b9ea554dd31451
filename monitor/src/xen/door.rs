//! A member's door as the monitor sees it. Everything that is read here may be a lie, and may change while it is read:
//! each field is read once and checked afterwards.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use protocol::SharedMem;
use protocol::xen::{
    ANSWERED, AWAITED, COMMAND, COMMAND_DATA, COMMAND_DATA_LEN, Exchange, HEADER, Header, IDLE, NOTICE_RING,
    NOTICE_SIZE, NOTICES, PAGE, POSTED, REQUEST, REQUEST_DATA, REQUEST_DATA_LEN, WATCHED,
};
use zerocopy::{FromZeros, IntoBytes};

use super::window::{Whole, Window};
use crate::mapping::Mapped;

/// The door of one domain.
pub struct Door {
    mem: Mapped,
    window: Rc<dyn Window>,
}

/// A question, copied out of the door.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    pub op: u32,
    pub args: [u64; 6],
}

/// Where the state word of an exchange is.
const STATE: usize = std::mem::offset_of!(Exchange, state);

impl Door {
    /// The door in this window.
    pub fn new(window: Rc<dyn Window>) -> Self {
        Self { mem: Mapped::of_pages(Rc::new(Whole(window.clone()))), window }
    }

    /// Where pages can be copied to for an answer: the window, and the first page there of [`protocol::xen::COPIES`].
    pub fn copies(&self) -> (&dyn Window, usize) {
        (&*self.window, REQUEST_DATA / PAGE)
    }

    /// What the domain is to know from birth.
    pub fn write_header(&self, header: &Header) {
        self.mem.write(HEADER, header.as_bytes());
    }

    /// Says whether the monitor looks at the door by itself.
    pub fn watch(&self, watched: bool) {
        self.mem.u32_at(WATCHED).store(watched.into(), Ordering::SeqCst);
    }

    /// Whether a question waits for an answer.
    pub fn is_asked(&self) -> bool {
        matches!(self.mem.u32_at(REQUEST + STATE).load(Ordering::SeqCst), POSTED | AWAITED)
    }

    /// The question that waits for an answer.
    pub fn asked(&self) -> Option<Asked> {
        if !self.is_asked() {
            return None;
        }
        let mut exchange = Exchange::new_zeroed();
        self.mem.read(REQUEST, exchange.as_mut_bytes());
        Some(Asked { op: exchange.op, args: exchange.args })
    }

    /// The first `len` bytes of the question's data; none when there cannot be so many.
    pub fn data(&self, len: u64) -> Option<Vec<u8>> {
        let len = usize::try_from(len).ok().filter(|len| *len <= REQUEST_DATA_LEN)?;
        let mut data = vec![0; len];
        self.mem.read(REQUEST_DATA, &mut data);
        Some(data)
    }

    /// Answers the question, which is then the domain's turn again; true when that sleeps until it is rung.
    pub fn answer(&self, ret: i64, data: &[u8]) -> bool {
        debug_assert!(data.len() <= REQUEST_DATA_LEN);
        self.mem.write(REQUEST_DATA, data);
        self.mem.write(REQUEST + std::mem::offset_of!(Exchange, ret), &ret.to_le_bytes());
        self.mem.u32_at(REQUEST + STATE).swap(ANSWERED, Ordering::SeqCst) == AWAITED
    }

    /// Gives a command; false when its data does not fit.
    pub fn command(&self, op: u32, args: [u64; 6], data: &[u8]) -> bool {
        if data.len() > COMMAND_DATA_LEN {
            return false;
        }
        self.mem.write(COMMAND_DATA, data);
        self.mem.write(COMMAND, Exchange { state: IDLE, op, args, ret: 0 }.as_bytes());
        self.mem.u32_at(COMMAND + STATE).store(POSTED, Ordering::Release);
        true
    }

    /// True when the domain has not taken all notices.
    pub fn has_unread(&self) -> bool {
        let word = |at| self.mem.u32_at(NOTICE_RING + at).load(Ordering::Acquire);
        word(0) != word(4)
    }

    /// Leaves a notice; false when the domain has too many unread.
    pub fn notice(&self, kind: u64, arg: u64) -> bool {
        let (tail, head) = (self.mem.u32_at(NOTICE_RING), self.mem.u32_at(NOTICE_RING + 4));
        let at = tail.load(Ordering::Relaxed);
        if at.wrapping_sub(head.load(Ordering::Acquire)) as usize >= NOTICES {
            return false;
        }
        let entry = NOTICE_RING + 16 + at as usize % NOTICES * NOTICE_SIZE;
        self.mem.write(entry, [kind, arg].as_bytes());
        tail.store(at.wrapping_add(1), Ordering::Release);
        true
    }
}
