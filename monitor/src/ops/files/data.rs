//! Bytes of files, offsets, listings.

use std::rc::Rc;

use abi::Errno;
use abi::fs::{
    FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, IN_ACCESS, IN_MODIFY, MAX_OFFSET, O_APPEND, O_DSYNC,
    O_NOATIME, S_IFCHR, S_IFDIR, S_IFREG, SEEK_CUR, SEEK_DATA, SEEK_END, SEEK_HOLE, SEEK_SET,
};
use protocol::control::SLOT_DATA;
use protocol::desc::Kind;
use vfs::server::cx::Cx;
use vfs::server::{Vfs, dirent};

use super::{Open, node_mut};
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::fs::info::device;
use crate::fs::{self, Ids};

/// Bytes that one `CopyRange` moves at most: the caller asks again, others get their turn.
const COPY_MAX: u64 = 4 << 20;

fn offset(v: u64) -> Result<u64, Errno> {
    if v > MAX_OFFSET { Err(Errno::EINVAL) } else { Ok(v) }
}

/// Reads at an offset; generated files from the text made at their start.
fn read_at(fam: &mut Family, call: &Call, desc: u32, off: u64, len: usize) -> Result<Vec<u8>, Errno> {
    let open = Open::of(fam, call, desc)?;
    open.readable()?;
    open.not_dir()?;
    let mut buf = vec![0u8; len.min(SLOT_DATA)];
    if open.loc.dentry.node.is_generated() {
        let text = generated(fam, call, desc, off)?;
        let rest = text.get(off as usize..).unwrap_or_default();
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        buf.truncate(n);
        return Ok(buf);
    }
    let n = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let node = &open.loc.dentry.node;
        if open.ftype() == S_IFCHR {
            return device_read(cx, node.attr(cx)?.rdev, &mut buf);
        }
        let n = node.read_at(cx, off, &mut buf)?;
        if n > 0 && open.flags & O_NOATIME == 0 && node.accessed(cx) {
            vfs.attr_changed(node.key());
        }
        vfs.tell(&open.loc.dentry, IN_ACCESS);
        Ok(n)
    })?;
    buf.truncate(n);
    Ok(buf)
}

fn device_read(cx: &Cx, rdev: u64, buf: &mut [u8]) -> Result<usize, Errno> {
    match device(rdev) {
        Some(Kind::Null) => return Ok(0),
        Some(Kind::Zero | Kind::Full) => buf.fill(0),
        Some(Kind::Random) => cx.world.random(buf),
        _ => return Err(Errno::EIO),
    }
    Ok(buf.len())
}

/// The text of a generated file, made anew when it is read from its start.
fn generated(fam: &mut Family, call: &Call, desc: u32, off: u64) -> Result<Rc<[u8]>, Errno> {
    let node = node_mut(fam, call, desc)?;
    if let Some(text) = node.text.clone().filter(|_| off > 0) {
        return Ok(text);
    }
    let inode = node.loc.dentry.node.clone();
    let made = fs::with(fam, call, Ids::Fs, |cx, _| inode.generate(cx));
    let text: Rc<[u8]> = made.unwrap_or(Err(Errno::EINVAL))?.into();
    node_mut(fam, call, desc)?.text = Some(text.clone());
    Ok(text)
}

/// Writes at an offset, or at the end: bytes written and the offset behind them.
fn write_at(
    fam: &mut Family,
    call: &Call,
    desc: u32,
    off: u64,
    end: bool,
    data: &[u8],
) -> Result<(usize, u64), Errno> {
    let open = Open::of(fam, call, desc)?;
    open.writable()?;
    open.not_dir()?;
    fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let node = &open.loc.dentry.node;
        if open.ftype() == S_IFCHR {
            return match device(node.attr(cx)?.rdev) {
                Some(Kind::Full) => Err(Errno::ENOSPC),
                _ => Ok((data.len(), off)),
            };
        }
        let off = if end { node.size(cx)? } else { off };
        let n = node.write_at(cx, off, data)?;
        if n > 0 && !node.is_generated() {
            vfs.written(cx, &open.loc)?;
        }
        if open.flags & O_DSYNC != 0 {
            node.sync(false)?;
        }
        Ok((n, off + n as u64))
    })
}

/// `Op::PRead`.
pub(super) fn pread(fam: &mut Family, call: &Call) -> OpResult {
    let data = read_at(fam, call, call.arg32(0)?, offset(call.arg(2))?, call.arg(1) as usize)?;
    Ok(Answer::value(data.len() as i64).with_data(data))
}

/// `Op::Read`.
pub(super) fn read(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let at = node_mut(fam, call, desc)?.offset.get();
    let data = read_at(fam, call, desc, at, call.arg(1) as usize)?;
    node_mut(fam, call, desc)?.offset.set(at + data.len() as u64);
    Ok(Answer::value(data.len() as i64).with_data(data))
}

/// `Op::PWrite`.
pub(super) fn pwrite(fam: &mut Family, call: &Call) -> OpResult {
    let end = call.arg(2) == 1;
    let at = if end { 0 } else { offset(call.arg(1))? };
    let (n, after) = write_at(fam, call, call.arg32(0)?, at, end, call.data)?;
    Ok(Answer::value(n as i64).with_ret(0, after))
}

/// `Op::Write`.
pub(super) fn write(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let end = fam.descs.get(desc, call.pid)?.flags & O_APPEND != 0;
    let at = node_mut(fam, call, desc)?.offset.get();
    let (n, after) = write_at(fam, call, desc, at, end, call.data)?;
    node_mut(fam, call, desc)?.offset.set(after);
    Ok(Answer::value(n as i64).with_ret(0, after))
}

/// `Op::Seek`, lseek(2).
pub(super) fn seek(fam: &mut Family, call: &Call) -> OpResult {
    let (desc, by, whence) = (call.arg32(0)?, call.arg(1) as i64, call.arg(2) as u32);
    let open = Open::of(fam, call, desc)?;
    let node = node_mut(fam, call, desc)?;
    let dir = open.ftype() == S_IFDIR;
    let here = if dir { node.cookie } else { node.offset.get() } as i64;
    let inode = &open.loc.dentry.node;
    let to = match whence {
        SEEK_SET => by,
        SEEK_CUR => here.checked_add(by).ok_or(Errno::EOVERFLOW)?,
        SEEK_END | SEEK_DATA | SEEK_HOLE if open.ftype() != S_IFREG || inode.is_generated() => {
            return Err(Errno::EINVAL);
        }
        SEEK_END => {
            let size = fs::with(fam, call, Ids::Fs, |cx, _| inode.size(cx))?;
            (size as i64).checked_add(by).ok_or(Errno::EOVERFLOW)?
        }
        SEEK_DATA | SEEK_HOLE => {
            let from = u64::try_from(by).map_err(|_| Errno::ENXIO)?;
            fs::with(fam, call, Ids::Fs, |cx, _| inode.seek(cx, from, whence == SEEK_HOLE))? as i64
        }
        _ => return Err(Errno::EINVAL),
    };
    let to = u64::try_from(to).map_err(|_| Errno::EINVAL)?;
    if call.arg(3) != 1 {
        let node = node_mut(fam, call, desc)?;
        if dir {
            node.cookie = to;
        } else {
            node.offset.set(to);
        }
    }
    Ok(Answer::value(to as i64))
}

/// `Op::Recall`.
pub(super) fn recall(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let holders = fam.descs.references(desc);
    node_mut(fam, call, desc)?.offset.give(call.pid, offset(call.arg(1))?, holders)?;
    Answer::ok()
}

/// `Op::TakeOffset`.
pub(super) fn take_offset(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let holders = fam.descs.references(desc);
    let at = node_mut(fam, call, desc)?.offset.take(call.pid, holders)?;
    Ok(Answer::value(at as i64))
}

/// `Op::GetDents`.
pub(super) fn getdents(fam: &mut Family, call: &Call) -> OpResult {
    let desc = call.arg32(0)?;
    let open = Open::of(fam, call, desc)?;
    if open.ftype() != S_IFDIR {
        return Err(Errno::ENOTDIR);
    }
    let from = if call.arg(1) == 1 { 0 } else { node_mut(fam, call, desc)?.cookie };
    let max = (call.arg(2) as usize).min(SLOT_DATA);
    let (data, next) = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let result = dirent::list(cx, &open.loc, from, max);
        if open.loc.dentry.node.accessed(cx) {
            vfs.attr_changed(open.loc.dentry.key());
        }
        result
    })?;
    node_mut(fam, call, desc)?.cookie = next;
    Ok(Answer::value(data.len() as i64).with_data(data))
}

/// `Op::FSync`.
pub(super) fn fsync(fam: &mut Family, call: &Call) -> OpResult {
    let open = Open::of(fam, call, call.arg32(0)?)?;
    match open.ftype() {
        S_IFREG | S_IFDIR => open.loc.dentry.node.sync(call.arg(1) == 1)?,
        _ => return Err(Errno::EINVAL),
    }
    Answer::ok()
}

/// `Op::FAllocate`, fallocate(2).
pub(super) fn fallocate(fam: &mut Family, call: &Call) -> OpResult {
    let open = Open::of(fam, call, call.arg32(0)?)?;
    let (mode, off, len) = (call.arg32(1)?, call.arg(2) as i64, call.arg(3) as i64);
    if off < 0 || len <= 0 {
        return Err(Errno::EINVAL);
    }
    if mode & FALLOC_FL_PUNCH_HOLE != 0 && mode & FALLOC_FL_KEEP_SIZE == 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    open.writable()?;
    open.regular(Errno::ENODEV)?;
    if off.checked_add(len).is_none() {
        return Err(Errno::EFBIG);
    }
    fs::with(fam, call, Ids::Fs, |cx, vfs| {
        open.loc.dentry.node.allocate(cx, mode, off as u64, len as u64)?;
        vfs.attr_changed(open.loc.dentry.key());
        vfs.tell(&open.loc.dentry, IN_MODIFY);
        Ok::<_, Errno>(())
    })?;
    Answer::ok()
}

/// ftruncate(2).
pub fn ftruncate(fam: &mut Family, call: &Call, desc: u32, size: u64) -> OpResult {
    let open = Open::of(fam, call, desc)?;
    open.writable().map_err(|_| Errno::EINVAL)?;
    open.regular(Errno::EINVAL)?;
    fs::with(fam, call, Ids::Fs, |cx, vfs: &Vfs| vfs.set_size(cx, &open.loc, size))?;
    Answer::ok()
}

/// `Op::CopyRange`, copy_file_range(2).
pub(super) fn copy_range(fam: &mut Family, call: &Call) -> OpResult {
    let from = Open::of(fam, call, call.arg32(0)?)?;
    let to = Open::of(fam, call, call.arg32(2)?)?;
    let (src, dst) = (offset(call.arg(1))?, offset(call.arg(3))?);
    from.readable()?;
    to.writable()?;
    from.regular(Errno::EINVAL)?;
    to.regular(Errno::EINVAL)?;
    if to.flags & O_APPEND != 0 {
        return Err(Errno::EBADF);
    }
    let len = call.arg(4).min(COPY_MAX);
    let same = from.loc.dentry.key() == to.loc.dentry.key();
    if same && src < dst.saturating_add(len) && dst < src.saturating_add(len) {
        return Err(Errno::EINVAL);
    }
    let done = fs::with(fam, call, Ids::Fs, |cx, vfs| {
        let mut buf = vec![0u8; (len as usize).min(1 << 18)];
        let mut done = 0u64;
        while done < len {
            let want = buf.len().min((len - done) as usize);
            let n = from.loc.dentry.node.read_at(cx, src + done, &mut buf[..want])?;
            if n == 0 {
                break;
            }
            match to.loc.dentry.node.write_at(cx, dst + done, &buf[..n]) {
                Ok(n) => done += n as u64,
                Err(_) if done > 0 => break,
                Err(e) => return Err(e),
            }
        }
        if done > 0 {
            vfs.written(cx, &to.loc)?;
        }
        Ok(done)
    })?;
    Ok(Answer::value(done as i64))
}
