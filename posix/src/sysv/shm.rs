//! Shared memory segments: shmget(2), shmat(2), shmdt(2), shmctl(2).

use abi::errno::{Errno, SysResult};
use abi::ipc::*;
use abi::mm::PAGE_SIZE;
use alloc::sync::Arc;
use alloc::vec::Vec;
use platform::Prot;
use process::mm::{Content, MappedRegion, Place, Source, page_up};
use protocol::Op;
use vfs::host::Host;
use vfs::region::Held;

use super::{command, control};
use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_shmget shmget(key: i32, size: u64, flags: i32) Partial "SHM_HUGETLB is refused" => sys_shmget;
    SYS_shmat shmat(id: i32, addr: Addr, flags: i32) Full "" => sys_shmat;
    SYS_shmdt shmdt(addr: Addr) Full "" => sys_shmdt;
    SYS_shmctl shmctl(id: i32, cmd: i32, data: Addr) Full "" => sys_shmctl;
}

/// Requests of `Op::SysVShm`.
const GET: u64 = 0;
const ATTACH: u64 = 1;
const DETACH: u64 = 2;
const CONTROL: u64 = 3;

/// One attachment, which ends with the last mapping of it.
struct Attachment {
    host: &'static Host,
    id: i32,
    /// The segment's memory, held as long.
    _held: Option<Arc<Held>>,
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // A segment that an exec has detached already says EINVAL, which nobody need hear.
        let _ = self.host.call(Op::SysVShm, &[DETACH, self.id as u64]);
    }
}

/// shmget(2).
fn sys_shmget(cx: &mut Cx<'_>, key: i32, size: u64, flags: i32) -> SysResult<usize> {
    let answer = cx.host().call(Op::SysVShm, &[GET, key as u64, size, flags as u64])?;
    Ok(answer.ret() as usize)
}

/// shmat(2).
fn sys_shmat(cx: &mut Cx<'_>, id: i32, addr: Addr, flags: i32) -> SysResult<usize> {
    let replace = flags & SHM_REMAP != 0;
    let at = match addr.0 % PAGE_SIZE {
        0 => addr.0,
        over if flags & SHM_RND != 0 => addr.0 - over,
        _ => return Err(Errno::EINVAL),
    };
    if id < 0 || (at == 0 && replace) {
        return Err(Errno::EINVAL);
    }
    let place = match at {
        0 => Place::Hint(0),
        _ if replace => Place::Fixed(at),
        _ => Place::FixedFree(at),
    };
    let writable = flags & SHM_RDONLY == 0;
    let execute = if flags & SHM_EXEC != 0 { Prot::EXEC } else { Prot::empty() };
    let prot = Prot::READ | execute | if writable { Prot::WRITE } else { Prot::empty() };
    let max_prot = if writable { Prot::all() } else { Prot::READ | Prot::EXEC };
    let (attachment, region, size) = attach(cx, id, flags)?;
    let len = usize::try_from(size).ok().and_then(page_up).ok_or(Errno::ENOMEM)?;
    let source = Source::Shared(MappedRegion { id: region, keep: Some(Arc::new(attachment)) }, 0);
    let mapped =
        cx.process().mm.map(cx.platform(), place, len, Content { source, prot, max_prot, shared: true });
    mapped.map_err(|e| if e == Errno::EEXIST { Errno::EINVAL } else { e })
}

/// Attaches to the segment; its region and size.
fn attach(cx: &Cx<'_>, id: i32, flags: i32) -> SysResult<(Attachment, u64, u64)> {
    loop {
        let answer = cx.host().call(Op::SysVShm, &[ATTACH, id as u64, flags as u64])?;
        let mut attachment = Attachment { host: cx.host(), id, _held: None };
        match Held::take(cx.host(), answer.region(0).ok_or(Errno::ENOMEM)?) {
            // Another thread gave the region back meanwhile.
            Err(Errno::EAGAIN) => {}
            Err(e) => return Err(e),
            Ok(held) => {
                let (region, size) = (held.id(), answer.value(0));
                attachment._held = Some(held);
                return Ok((attachment, region, size));
            }
        }
    }
}

/// shmdt(2): the address that shmat gave, whatever of it was unmapped since.
fn sys_shmdt(cx: &mut Cx<'_>, addr: Addr) -> SysResult<usize> {
    if !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let mm = &cx.process().mm;
    let pieces: Vec<(usize, usize)> = mm.with(|vmas| {
        let mut attachment = None;
        vmas.overlapping(addr.0, usize::MAX)
            .filter_map(|(start, vma)| {
                let Source::Shared(region, offset) = &vma.source else { return None };
                let keep = region.keep.as_ref().filter(|keep| keep.is::<Attachment>())?;
                let same = Arc::ptr_eq(attachment.get_or_insert(keep), keep);
                let placed = start.checked_sub(*offset as usize) == Some(addr.0);
                (same && placed).then_some((start, vma.end - start))
            })
            .collect()
    });
    if pieces.is_empty() {
        return Err(Errno::EINVAL);
    }
    for (start, len) in pieces {
        mm.unmap(cx.platform(), start, len)?;
    }
    Ok(0)
}

/// shmctl(2).
fn sys_shmctl(cx: &mut Cx<'_>, id: i32, cmd: i32, data: Addr) -> SysResult<usize> {
    let size = if command(cmd) == IPC_SET { size_of::<ShmidDs>() } else { 0 };
    control(cx, Op::SysVShm, &[CONTROL, id as u64, cmd as u64], data, size)
}
