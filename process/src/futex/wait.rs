//! Waiting for one or several futexes.

use abi::errno::{Errno, SysResult};
use alloc::vec::Vec;
use protocol::Op;

use super::{Place, TABLE};
use crate::kernel::{current, kernel};
use crate::wait_on::{Waiter, Wake};

/// One futex to wait for, as long as its word is `value`.
#[derive(Clone, Copy, Debug)]
pub struct Want {
    pub place: Place,
    pub addr: usize,
    pub value: u32,
    pub bitset: u32,
}

impl Want {
    /// EAGAIN: the word has another value. EFAULT: there is no word.
    fn check(&self) -> SysResult<()> {
        let found = kernel().platform.load_u32(self.addr).map_err(|_| Errno::EFAULT)?;
        if found == self.value { Ok(()) } else { Err(Errno::EAGAIN) }
    }
}

/// Waits until one of the futexes is woken, and gives its index. EAGAIN: a word has another value; ETIMEDOUT: `deadline`
/// (monotonic ns) passed; ERESTARTSYS: a signal is to be handled.
pub fn wait(wants: &[Want], deadline: Option<u64>) -> SysResult<usize> {
    let waiter = Waiter::new(&[]);
    let tid = current().tid();
    let mut waiting = Waiting { wants, ids: Vec::new(), registered: 0 };
    {
        // The words are looked at with the table locked: a wake after a change of the word finds the waiter.
        let mut table = TABLE.lock();
        for w in wants {
            w.check()?;
        }
        for w in wants {
            waiting.ids.push(table.add(w.place, w.bitset, tid, waiter.waker()));
        }
    }
    let ended = waiting.register().err().unwrap_or_else(|| {
        loop {
            match waiter.sleep(deadline, true) {
                Wake::Woken if waiting.woken().is_none() => {}
                Wake::Woken => break Errno::EINTR,
                Wake::TimedOut => break Errno::ETIMEDOUT,
                Wake::Interrupted => break Errno::ERESTARTSYS,
            }
        }
    });
    // A wake-up that came counts, whatever else ended the wait: its sender believes that someone goes on.
    waiting.finish().ok_or(ended)
}

/// Entries in the table, the first `registered` of which the monitor knows if they are shared.
struct Waiting<'w> {
    wants: &'w [Want],
    ids: Vec<u64>,
    registered: usize,
}

impl Waiting<'_> {
    /// Tells the monitor of the shared ones, and looks at their words again.
    fn register(&mut self) -> SysResult<()> {
        let host = &kernel().host;
        for w in self.wants {
            if let Place::Shared { region, offset } = w.place {
                host.call(Op::FutexWait, &[region, offset, w.bitset.into()])?;
            }
            self.registered += 1;
        }
        self.wants.iter().filter(|w| matches!(w.place, Place::Shared { .. })).try_for_each(Want::check)
    }

    /// The first that was woken.
    fn woken(&self) -> Option<usize> {
        let table = TABLE.lock();
        self.ids.iter().position(|id| !table.waits(*id))
    }

    /// Leaves all queues; gives the index of one that was woken.
    fn finish(self) -> Option<usize> {
        let mut late = false;
        for (w, id) in self.wants.iter().zip(&self.ids).take(self.registered) {
            let Place::Shared { region, offset } = w.place else { continue };
            if TABLE.lock().waits(*id) {
                let sent = kernel().host.call(Op::FutexCancel, &[region, offset]);
                late |= sent.is_ok_and(|a| a.ret() == 1);
            }
        }
        if late {
            // The wake-up is in the inbox already.
            kernel().sched.poll_events();
        }
        let mut table = TABLE.lock();
        let mut woken = None;
        for (i, id) in self.ids.iter().enumerate() {
            if !table.remove(*id) {
                woken = woken.or(Some(i));
            }
        }
        woken
    }
}
