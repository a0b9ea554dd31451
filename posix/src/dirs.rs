//! Directory entries, and what concerns whole file systems: sync, mount.

use abi::errno::{Errno, SysResult};
use abi::fs::*;
use alloc::vec::Vec;
use protocol::Op;
use protocol::control::SLOT_DATA;
use protocol::desc::Kind;
use protocol::wire::Writer;
use vfs::file::OpenFile;
use zerocopy::{FromBytes, IntoBytes};

use crate::arg::{Addr, Fd, PathArg};
use crate::cx::Cx;

crate::syscalls! {
    SYS_getdents64 getdents64(fd: Fd, buf: Addr, size: u32) Full "" => sys_getdents64;
    SYS_getdents getdents(fd: Fd, buf: Addr, size: u32) Full "" => sys_getdents;
    SYS_sync sync() Full "" => sys_sync;
    SYS_syncfs syncfs(fd: Fd) Full "" => sys_syncfs;
    SYS_fsync fsync(fd: Fd) Full "" => sys_fsync;
    SYS_fdatasync fdatasync(fd: Fd) Full "" => sys_fdatasync;
    SYS_sync_file_range sync_file_range(fd: Fd, offset: i64, count: i64, flags: u32) Full "" => sys_sync_file_range;
    SYS_fadvise64 fadvise64(fd: Fd, offset: i64, length: i64, advice: i32) Partial "checked; the host's page cache needs no advice" => sys_fadvise64;
    SYS_readahead readahead(fd: Fd, offset: i64, count: usize) Partial "checked; the host's page cache needs no advice" => sys_readahead;
    SYS_mount mount(source: PathArg, target: PathArg, fstype: PathArg, flags: u64, data: PathArg) Partial "as far as the monitor's mount table goes" => sys_mount;
    SYS_umount2 umount2(target: PathArg, flags: u32) Partial "as mount" => sys_umount2;
}

/// Up to `room` bytes of entries from where the directory's offset is.
fn entries(cx: &Cx<'_>, file: &OpenFile, room: usize) -> SysResult<Vec<u8>> {
    match file.kind() {
        Kind::Dir => {}
        Kind::Path => return Err(Errno::EBADF),
        _ => return Err(Errno::ENOTDIR),
    }
    let room = room.min(SLOT_DATA);
    if let Some(own) = file.own_entries(room) {
        return own;
    }
    Ok(cx.host().call(Op::GetDents, &[u64::from(file.desc()), 0, room as u64])?.to_vec())
}

/// getdents64(2).
fn sys_getdents64(cx: &mut Cx<'_>, fd: Fd, buf: Addr, size: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let records = entries(cx, &file, size as usize)?;
    cx.write_bytes(buf.0, &records).map(|()| records.len())
}

/// getdents(2): the old record is one byte shorter before the name and one longer behind it, so that a record of one kind
/// takes the room of the other, and what fits as the new kind fits as the old.
fn sys_getdents(cx: &mut Cx<'_>, fd: Fd, buf: Addr, size: u32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    let records = entries(cx, &file, size as usize)?;
    let old = old_records(&records);
    cx.write_bytes(buf.0, &old).map(|()| old.len())
}

fn old_records(records: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(records.len());
    let mut rest = records;
    while let Ok((head, _)) = Dirent64::read_from_prefix(rest) {
        let len = usize::from(head.d_reclen);
        let Some((record, next)) = rest.split_at_checked(len).filter(|(r, _)| r.len() > DIRENT64_NAME) else {
            break;
        };
        let name = record[DIRENT64_NAME..].split(|b| *b == 0).next().unwrap_or_default();
        let start = out.len();
        out.extend_from_slice({ head.d_ino }.as_bytes());
        out.extend_from_slice({ head.d_off }.as_bytes());
        out.extend_from_slice({ head.d_reclen }.as_bytes());
        out.extend_from_slice(name);
        out.resize(start + len, 0);
        out[start + len - 1] = head.d_type;
        rest = next;
    }
    out
}

fn sync_desc(cx: &Cx<'_>, fd: Fd, data_only: bool) -> SysResult<usize> {
    let file = cx.file(fd)?;
    match file.kind() {
        Kind::File | Kind::Dir => {
            cx.host().call(Op::FSync, &[u64::from(file.desc()), u64::from(data_only)]).map(|_| 0)
        }
        Kind::Path => Err(Errno::EBADF),
        _ => Err(Errno::EINVAL),
    }
}

/// sync(2): what was written is with the host, which writes it back in its own time and at its own sync.
fn sys_sync(_cx: &mut Cx<'_>) -> SysResult<usize> {
    Ok(0)
}

/// syncfs(2).
fn sys_syncfs(cx: &mut Cx<'_>, fd: Fd) -> SysResult<usize> {
    if cx.file(fd)?.kind() == Kind::Path { Err(Errno::EBADF) } else { Ok(0) }
}

/// fsync(2).
fn sys_fsync(cx: &mut Cx<'_>, fd: Fd) -> SysResult<usize> {
    sync_desc(cx, fd, false)
}

/// fdatasync(2).
fn sys_fdatasync(cx: &mut Cx<'_>, fd: Fd) -> SysResult<usize> {
    sync_desc(cx, fd, true)
}

/// sync_file_range(2).
fn sys_sync_file_range(cx: &mut Cx<'_>, fd: Fd, offset: i64, count: i64, flags: u32) -> SysResult<usize> {
    let known = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    let file = cx.file(fd)?;
    if flags & !known != 0 || offset < 0 || count < 0 || offset.checked_add(count).is_none() {
        return Err(Errno::EINVAL);
    }
    match file.kind() {
        Kind::File | Kind::Dir => cx.host().call(Op::FSync, &[u64::from(file.desc()), 1]).map(|_| 0),
        Kind::Path => Err(Errno::EBADF),
        _ => Err(Errno::ESPIPE),
    }
}

/// posix_fadvise(2).
fn sys_fadvise64(cx: &mut Cx<'_>, fd: Fd, _offset: i64, length: i64, advice: i32) -> SysResult<usize> {
    let file = cx.file(fd)?;
    match file.kind() {
        Kind::Path => Err(Errno::EBADF),
        Kind::Pipe => Err(Errno::ESPIPE),
        _ if length < 0 || !(POSIX_FADV_NORMAL..=POSIX_FADV_NOREUSE).contains(&advice) => Err(Errno::EINVAL),
        _ => Ok(0),
    }
}

/// readahead(2).
fn sys_readahead(cx: &mut Cx<'_>, fd: Fd, _offset: i64, _count: usize) -> SysResult<usize> {
    let file = cx.file(fd)?;
    match file.kind() {
        _ if !file.open_flags().readable() => Err(Errno::EBADF),
        Kind::File => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// mount(2).
fn sys_mount(
    cx: &mut Cx<'_>,
    source: PathArg,
    target: PathArg,
    fstype: PathArg,
    flags: u64,
    data: PathArg,
) -> SysResult<usize> {
    let text = |at: PathArg| if at.0 == 0 { Ok(Vec::new()) } else { cx.path(at) };
    let (source, target, fstype, data) = (text(source)?, cx.path(target)?, text(fstype)?, text(data)?);
    let flags = if flags & MS_MGC_MSK == MS_MGC_VAL { flags & !MS_MGC_MSK } else { flags };
    let mut w = Writer::new();
    w.bytes(&source).bytes(&target).bytes(&fstype).bytes(&data);
    cx.host().call_with(Op::Mount, &[0, flags], &w.finish()).map(|_| 0)
}

/// umount2(2).
fn sys_umount2(cx: &mut Cx<'_>, target: PathArg, flags: u32) -> SysResult<usize> {
    if flags & !(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW) != 0
        || (flags & MNT_EXPIRE != 0 && flags & (MNT_FORCE | MNT_DETACH) != 0)
    {
        return Err(Errno::EINVAL);
    }
    let target = cx.path(target)?;
    let mut w = Writer::new();
    w.bytes(b"").bytes(&target).bytes(b"").bytes(b"");
    cx.host().call_with(Op::Mount, &[1, flags.into()], &w.finish()).map(|_| 0)
}
