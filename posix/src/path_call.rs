//! Requests on paths that may lead through the caller's own descriptors.
//!
//! The monitor does not know descriptor numbers. Where a path runs into a link of /proc/self/fd (or /dev/fd, /dev/stdin …)
//! it answers EREMOTE with the number and the rest of the path, and the request is repeated from that description.

use abi::errno::{Errno, SysResult};
use abi::fs::AT_EMPTY_PATH;
use protocol::Op;
use vfs::host::Answer;

use crate::cx::Cx;

/// Such links that one path may go through.
const MAX_LINKS: usize = 40;

/// How a request says that it means a description itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    /// AT_EMPTY_PATH in this argument, the description in argument 0.
    Flag(usize),
    /// 1 in this argument, the description in that one.
    Instead(usize, usize),
}

/// Makes a request whose argument 0 is the directory (where it has one) and whose data is the path.
pub fn path_call(
    cx: &Cx<'_>,
    op: Op,
    args: &mut [u64],
    whole: Whole,
    path: &[u8],
) -> SysResult<Answer<'static>> {
    let mut path = path.to_vec();
    for _ in 0..MAX_LINKS {
        let mut out = cx.host().begin(op);
        out.put(&path)?;
        let answer = out.send_raw(args)?;
        match answer.error() {
            None => return Ok(answer),
            Some(Errno::EREMOTE) => {}
            Some(e) => return Err(e),
        }
        let (fd, rest) = (answer.value(1) as i32, answer.to_vec());
        drop(answer);
        let desc = u64::from(cx.process().fds.get(fd).map_err(|_| Errno::ENOENT)?.desc());
        let from = rest.iter().position(|b| *b != b'/').unwrap_or(rest.len());
        path = rest[from..].to_vec();
        match whole {
            Whole::Flag(flags) => {
                args[0] = desc;
                if path.is_empty() {
                    args[flags] |= u64::from(AT_EMPTY_PATH);
                }
            }
            // These requests take no directory to start from.
            Whole::Instead(..) if !path.is_empty() => return Err(Errno::ENOTDIR),
            Whole::Instead(mark, at) => (args[mark], args[at]) = (1, desc),
        }
    }
    Err(Errno::ELOOP)
}
