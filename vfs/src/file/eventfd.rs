//! eventfd(2): a counter in a region that all holders map; a ring without data beside it carries the waiters.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use alloc::sync::Arc;
use platform::RegionView;
use protocol::desc::{EVENTFD_REGION, EVENTFD_RING};
use protocol::ring::Side;
use protocol::{Op, SharedMem};

use super::OpenFile;
use crate::host::Answer;
use crate::io::IoBuf;
use crate::region::Held;
use crate::ring_io::RingView;

const SEMAPHORE: usize = 68;
const RING_CAP: u32 = 4096;
const MAX: u64 = u64::MAX - 1;

/// The mapped counter.
struct Counter {
    view: RegionView,
    waiters: RingView,
    _region: Arc<Held>,
}

impl Counter {
    fn of_answer(f: &OpenFile, answer: &Answer<'_>) -> SysResult<Arc<Self>> {
        let held = Held::take(f.host(), answer.region(0).ok_or(Errno::EIO)?)?;
        let view = held.view()?;
        if view.len() < EVENTFD_REGION {
            return Err(Errno::EIO);
        }
        let waiters = RingView::new(view.clone(), EVENTFD_RING as u32, RING_CAP)?;
        Ok(Arc::new(Self { view, waiters, _region: held }))
    }

    fn value(&self) -> &AtomicU64 {
        self.view.u64_at(0)
    }

    fn semaphore(&self) -> bool {
        self.view.u32_at(SEMAPHORE).load(Ordering::Relaxed) != 0
    }
}

/// An eventfd, attached on first use.
#[derive(Default)]
pub struct EventFd(spin::Once<Arc<Counter>>);

impl EventFd {
    /// Takes the region that the opening reply brought, if it can be had; otherwise the first use asks again.
    pub fn attach(&self, f: &OpenFile, answer: &Answer<'_>) {
        if let Ok(counter) = Counter::of_answer(f, answer) {
            self.0.call_once(|| counter);
        }
    }

    fn counter(&self, f: &OpenFile) -> SysResult<Arc<Counter>> {
        if let Some(c) = self.0.get() {
            return Ok(c.clone());
        }
        loop {
            let answer = f.host().call(Op::AttachRegion, &[u64::from(f.desc())])?;
            match Counter::of_answer(f, &answer) {
                Err(Errno::EAGAIN) => {}
                Err(e) => return Err(e),
                Ok(c) => return Ok(self.0.call_once(|| c).clone()),
            }
        }
    }

    /// read(2): the count and zero it, or with EFD_SEMAPHORE one of it.
    pub fn read(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() < 8 {
            return Err(Errno::EINVAL);
        }
        let c = self.counter(f)?;
        let one = c.semaphore();
        let take = || {
            c.value().fetch_update(Ordering::AcqRel, Ordering::Acquire, |v| match (v, one) {
                (0, _) => None,
                (v, true) => Some(v - 1),
                (_, false) => Some(0),
            })
        };
        let old = take().or_else(|_| {
            c.waiters.ring().arm(Side::Reader, f.host().slot());
            take().map_err(|_| Errno::EAGAIN)
        })?;
        c.waiters.wake(f.host(), Side::Writer);
        io.put(&(if one { 1 } else { old }).to_ne_bytes())
            .and_then(|n| if n == 8 { Ok(8) } else { Err(Errno::EFAULT) })
    }

    /// write(2): adds; EAGAIN when the sum would pass the maximum.
    pub fn write(&self, f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
        if io.left() < 8 {
            return Err(Errno::EINVAL);
        }
        let (from, mut bytes) = (io.done(), [0; 8]);
        if io.take(&mut bytes)? != 8 {
            return Err(Errno::EFAULT);
        }
        let add = u64::from_ne_bytes(bytes);
        if add == u64::MAX {
            return Err(Errno::EINVAL);
        }
        let c = self.counter(f)?;
        let put = || {
            c.value().fetch_update(Ordering::AcqRel, Ordering::Acquire, |v| {
                v.checked_add(add).filter(|s| *s <= MAX)
            })
        };
        let done = put().or_else(|_| {
            c.waiters.ring().arm(Side::Writer, f.host().slot());
            put()
        });
        if done.is_err() {
            io.rewind(from);
            return Err(Errno::EAGAIN);
        }
        c.waiters.wake(f.host(), Side::Reader);
        Ok(8)
    }

    /// poll(2).
    pub fn poll(&self, f: &OpenFile, want: PollEvents) -> PollEvents {
        let Ok(c) = self.counter(f) else { return PollEvents::POLLERR };
        let look = || {
            let v = c.value().load(Ordering::Acquire);
            let mut ready = PollEvents::empty();
            ready.set(PollEvents::POLLIN | PollEvents::POLLRDNORM, v > 0);
            ready.set(PollEvents::POLLOUT | PollEvents::POLLWRNORM, v < MAX);
            ready
        };
        let ready = look();
        if ready.contains(want) {
            return ready;
        }
        self.arm(f, want & !ready);
        look()
    }

    /// Arms the sides of `want`.
    pub fn arm(&self, f: &OpenFile, want: PollEvents) {
        let Ok(c) = self.counter(f) else { return };
        if want.contains(PollEvents::POLLIN) {
            c.waiters.ring().arm(Side::Reader, f.host().slot());
        }
        if want.contains(PollEvents::POLLOUT) {
            c.waiters.ring().arm(Side::Writer, f.host().slot());
        }
    }
}
