//! A request as a handler sees it, and its answer.

use abi::Errno;
use protocol::control::Request;
use zerocopy::{Immutable, IntoBytes};

use crate::regions::RegionId;

/// A request of a member. `pid` is verified: that process lives in member `slot`.
pub struct Call<'a> {
    pub slot: u32,
    pub pid: u32,
    pub req: &'a Request,
    /// The monitor's own copy of the request's data.
    pub data: &'a [u8],
}

impl Call<'_> {
    /// Argument `i`.
    pub fn arg(&self, i: usize) -> u64 {
        self.req.args[i]
    }
    /// Argument `i` as a 32-bit number (numbers of descriptions, flags); EINVAL when it does not fit.
    pub fn arg32(&self, i: usize) -> Result<u32, Errno> {
        u32::try_from(self.req.args[i]).map_err(|_| Errno::EINVAL)
    }
}

/// What a handler answers. Delivery of regions that are new to the member is the event loop's work.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub ret: i64,
    pub rets: [u64; 8],
    pub data: Vec<u8>,
    pub regions: [Option<RegionId>; 2],
    /// The answer owns its regions (`RegionTable::disown` once the member has them attached): they live on as long as
    /// members have them.
    pub handoff: bool,
}

/// An answer, or the errno that the member gets.
pub type OpResult = Result<Answer, Errno>;

impl Answer {
    /// Success with 0.
    pub fn ok() -> OpResult {
        Ok(Self::default())
    }
    /// Success with a value.
    pub fn value(ret: impl TryInto<i64>) -> Self {
        Self { ret: ret.try_into().unwrap_or(i64::MAX), ..Self::default() }
    }
    /// With result `r{i}`.
    pub fn with_ret(mut self, i: usize, value: u64) -> Self {
        self.rets[i] = value;
        self
    }
    /// With data.
    pub fn with_data(mut self, data: Vec<u8>) -> Self {
        self.data = data;
        self
    }
    /// With one more structure at the end of the data.
    pub fn with_struct<T: IntoBytes + Immutable>(mut self, value: &T) -> Self {
        self.data.extend_from_slice(value.as_bytes());
        self
    }
    /// With a region at place 0 or 1.
    pub fn with_region(mut self, i: usize, region: RegionId) -> Self {
        self.regions[i] = Some(region);
        self
    }
}
