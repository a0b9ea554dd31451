//! The rings of a description: where its info says they are, and the mapped region once it is attached.

use abi::errno::{Errno, SysResult};
use alloc::sync::Arc;
use protocol::Op;
use protocol::desc::DescInfo;

use super::OpenFile;
use crate::host::{Answer, Host};
use crate::region::Held;
use crate::ring_io::RingView;

/// The ring that an end reads and the one that it writes (the same one for a pipe).
pub struct Rings {
    pub input: RingView,
    pub output: RingView,
    /// Keeps the region attached.
    _region: Arc<Held>,
}

/// Rings that may not be attached yet.
#[derive(Clone, Default)]
pub struct Attachment(Option<Arc<Rings>>);

impl Attachment {
    /// The rings, if they are attached.
    pub fn rings(&self) -> Option<Arc<Rings>> {
        self.0.clone()
    }

    /// From a reply's region and the info in it.
    pub fn of_answer(host: &'static Host, answer: &Answer<'_>, info: &DescInfo) -> SysResult<Self> {
        let named = [0, 1].into_iter().filter_map(|i| answer.region(i)).find(|r| r.id == info.region);
        let held = Held::take(host, named.ok_or(Errno::EIO)?)?;
        let view = held.view()?;
        let input = RingView::new(view.clone(), info.in_off, info.ring_cap)?;
        let output = RingView::new(view, info.out_off, info.ring_cap)?;
        Ok(Self(Some(Arc::new(Rings { input, output, _region: held }))))
    }

    /// Asks the monitor for the description's present rings.
    pub fn fetch(f: &OpenFile) -> SysResult<Self> {
        loop {
            let info: DescInfo = f.host().call(Op::DescInfo, &[u64::from(f.desc())])?.get(0)?;
            let answer = f.host().call(Op::AttachRegion, &[u64::from(f.desc())])?;
            match Self::of_answer(f.host(), &answer, &info) {
                Err(Errno::EAGAIN) => {}
                done => return done,
            }
        }
    }
}
