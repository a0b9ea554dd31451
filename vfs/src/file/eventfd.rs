//! eventfd(2): a counter in a region that all holders map; a ring without data beside it carries the waiters.

use core::sync::atomic::{AtomicU64, Ordering};

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use alloc::sync::Arc;
use protocol::SharedMem;
use protocol::ring::Side;

use super::OpenFile;
use super::shared_state::{Lazy, SharedState};
use crate::host::Answer;
use crate::io::IoBuf;

const SEMAPHORE: usize = 68;
const MAX: u64 = u64::MAX - 1;

/// The mapped counter.
struct Counter(Arc<SharedState>);

impl Counter {
    fn value(&self) -> &AtomicU64 {
        self.0.view.u64_at(0)
    }

    fn semaphore(&self) -> bool {
        self.0.view.u32_at(SEMAPHORE).load(Ordering::Relaxed) != 0
    }
}

/// An eventfd, attached on first use.
#[derive(Default)]
pub struct EventFd(Lazy);

impl EventFd {
    /// See [`Lazy::attach`].
    pub(super) fn attach(&self, f: &OpenFile, answer: &Answer<'_>) {
        self.0.attach(f, answer);
    }

    fn counter(&self, f: &OpenFile) -> SysResult<Counter> {
        self.0.of(f).map(Counter)
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
            c.0.waiters.ring().arm(Side::Reader, f.host().slot());
            take().map_err(|_| Errno::EAGAIN)
        })?;
        c.0.waiters.wake(f.host(), Side::Writer);
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
            c.0.waiters.ring().arm(Side::Writer, f.host().slot());
            put()
        });
        if done.is_err() {
            io.rewind(from);
            return Err(Errno::EAGAIN);
        }
        c.0.waiters.wake(f.host(), Side::Reader);
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
            c.0.waiters.ring().arm(Side::Reader, f.host().slot());
        }
        if want.contains(PollEvents::POLLOUT) {
            c.0.waiters.ring().arm(Side::Writer, f.host().slot());
        }
    }
}
