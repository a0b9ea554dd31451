//! A descriptor's state in a region that all its holders map, with a ring without data for those who wait for it: what
//! eventfds and timerfds have in common.

use abi::errno::{Errno, SysResult};
use alloc::sync::Arc;
use platform::RegionView;
use protocol::desc::{EVENTFD_REGION, EVENTFD_RING};
use protocol::{Op, SharedMem};

use super::OpenFile;
use crate::host::Answer;
use crate::region::Held;
use crate::ring_io::RingView;

const RING_CAP: u32 = 4096;

/// The mapped state.
pub(super) struct SharedState {
    pub view: RegionView,
    pub waiters: RingView,
    _region: Arc<Held>,
}

impl SharedState {
    fn of_answer(f: &OpenFile, answer: &Answer<'_>) -> SysResult<Arc<Self>> {
        let held = Held::take(f.host(), answer.region(0).ok_or(Errno::EIO)?)?;
        let view = held.view()?;
        if view.len() < EVENTFD_REGION {
            return Err(Errno::EIO);
        }
        let waiters = RingView::new(view.clone(), EVENTFD_RING as u32, RING_CAP)?;
        Ok(Arc::new(Self { view, waiters, _region: held }))
    }
}

/// The same, attached on first use.
#[derive(Default)]
pub(super) struct Lazy(spin::Once<Arc<SharedState>>);

impl Lazy {
    /// Takes the region that the opening reply brought, if it can be had; otherwise the first use asks again.
    pub fn attach(&self, f: &OpenFile, answer: &Answer<'_>) {
        if let Ok(state) = SharedState::of_answer(f, answer) {
            self.0.call_once(|| state);
        }
    }

    /// The state of `f`.
    pub fn of(&self, f: &OpenFile) -> SysResult<Arc<SharedState>> {
        if let Some(state) = self.0.get() {
            return Ok(state.clone());
        }
        loop {
            let answer = f.host().call(Op::AttachRegion, &[u64::from(f.desc())])?;
            match SharedState::of_answer(f, &answer) {
                Err(Errno::EAGAIN) => {}
                Err(e) => return Err(e),
                Ok(state) => return Ok(self.0.call_once(|| state).clone()),
            }
        }
    }
}
