//! Files whose state lives in the member: signalfds, and epoll instances.

use core::any::Any;

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use protocol::desc::DescInfo;

use crate::host::Host;
use crate::io::IoBuf;

/// What such a file can do. Steps never wait, as in [`super::OpenFile`].
pub trait LocalFile: Send + Sync {
    /// A step of read(2).
    fn read(&self, _host: &Host, _io: &mut IoBuf<'_>) -> SysResult<usize> {
        Err(Errno::EINVAL)
    }
    /// A step of write(2).
    fn write(&self, _host: &Host, _io: &mut IoBuf<'_>) -> SysResult<usize> {
        Err(Errno::EINVAL)
    }
    /// Readiness now.
    fn poll(&self, host: &Host) -> PollEvents;
    /// What wakes when it becomes ready; 0: time alone ([`LocalFile::deadline`]).
    fn key(&self) -> u32;
    /// True if time alone can make it ready.
    fn timed(&self) -> bool {
        false
    }
    /// When it becomes ready by time alone (monotonic ns).
    fn deadline(&self, _host: &Host) -> Option<u64> {
        None
    }
    /// As [`super::OpenFile::edge`].
    fn edge(&self) -> Option<u64> {
        None
    }
    /// The description by which other processes hold it, if it has one.
    fn shared(&self) -> Option<&DescInfo> {
        None
    }
    /// Before another process gets hold of it: makes it such a description, with its present state. EINVAL for what stays in
    /// this member.
    fn share(&self) -> SysResult<DescInfo> {
        Err(Errno::EINVAL)
    }
    /// The name that /proc/self/fd shows.
    fn name(&self) -> &'static str;
    /// For its own calls.
    fn as_any(&self) -> &dyn Any;
}
