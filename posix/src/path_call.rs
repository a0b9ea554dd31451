//! Requests on paths that may lead through the caller's own descriptors.
//!
//! The monitor does not know descriptor numbers. Where a path runs into a link of /proc/self/fd (or /dev/fd, /dev/stdin …)
//! it answers EREMOTE with the number and the rest of the path, and the request is repeated from that description.

use abi::errno::{Errno, SysResult};
use abi::fs::AT_EMPTY_PATH;
use alloc::vec::Vec;
use protocol::Op;
use protocol::wire::Writer;
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
    /// It needs a name.
    Never,
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
        let (desc, rest) = through(cx, &answer)?;
        path = rest;
        match whole {
            Whole::Flag(flags) => {
                args[0] = desc;
                if path.is_empty() {
                    args[flags] |= u64::from(AT_EMPTY_PATH);
                }
            }
            Whole::Never if path.is_empty() => return Err(Errno::ENOTDIR),
            Whole::Never => args[0] = desc,
            // These requests take no directory to start from.
            Whole::Instead(..) if !path.is_empty() => return Err(Errno::ENOTDIR),
            Whole::Instead(mark, at) => (args[mark], args[at]) = (1, desc),
        }
    }
    Err(Errno::ELOOP)
}

/// The description that a path led through, and the rest of the path.
fn through(cx: &Cx<'_>, answer: &Answer<'_>) -> SysResult<(u64, Vec<u8>)> {
    let (fd, rest) = (answer.value(1) as i32, answer.to_vec());
    let desc = u64::from(cx.process().fds.get(fd).map_err(|_| Errno::ENOENT)?.desc());
    let from = rest.iter().position(|b| *b != b'/').unwrap_or(rest.len());
    Ok((desc, rest[from..].to_vec()))
}

/// The same with two paths. `dirs`: the arguments where each starts; `whole`: the argument that takes AT_EMPTY_PATH for
/// the first.
pub fn two_path_call(
    cx: &Cx<'_>,
    op: Op,
    args: &mut [u64],
    dirs: [usize; 2],
    mut paths: [Vec<u8>; 2],
    whole: Option<usize>,
) -> SysResult<()> {
    for _ in 0..MAX_LINKS {
        let mut w = Writer::new();
        w.bytes(&paths[0]).bytes(&paths[1]);
        let mut out = cx.host().begin(op);
        out.put(&w.finish())?;
        let answer = out.send_raw(args)?;
        match answer.error() {
            None => return Ok(()),
            Some(Errno::EREMOTE) => {}
            Some(e) => return Err(e),
        }
        let which = usize::from(answer.value(2) != 0);
        let (desc, rest) = through(cx, &answer)?;
        drop(answer);
        match whole {
            Some(flags) if which == 0 && rest.is_empty() => args[flags] |= u64::from(AT_EMPTY_PATH),
            _ if rest.is_empty() => return Err(Errno::ENOTDIR),
            _ => {}
        }
        args[dirs[which]] = desc;
        paths[which] = rest;
    }
    Err(Errno::ELOOP)
}
