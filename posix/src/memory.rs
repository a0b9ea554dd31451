//! Memory: mmap and its relatives, brk.

use abi::errno::{Errno, SysResult};
use abi::mm::*;
use abi::process::RLIMIT_DATA;
use platform::Prot;
use process::mm::{Content, MappedFile, MappedRegion, OnFork, Place, Source, page_up};
use protocol::Op;
use protocol::desc::Kind;
use vfs::region::Held;

use crate::arg::{Addr, Fd};
use crate::cx::Cx;

crate::syscalls! {
    SYS_mmap mmap(addr: Addr, length: usize, prot: u32, flags: u32, fd: Fd, offset: u64) Partial "MAP_HUGETLB and MAP_SYNC are refused; MAP_LOCKED, MAP_POPULATE and MAP_GROWSDOWN are hints" => sys_mmap;
    SYS_munmap munmap(addr: Addr, length: usize) Full "" => sys_munmap;
    SYS_mprotect mprotect(addr: Addr, length: usize, prot: u32) Full "" => sys_mprotect;
    SYS_mremap mremap(old: Addr, old_size: usize, new_size: usize, flags: u32, new: Addr) Partial "MREMAP_DONTUNMAP is refused" => sys_mremap;
    SYS_msync msync(addr: Addr, length: usize, flags: u32) Full "" => sys_msync;
    SYS_madvise madvise(addr: Addr, length: usize, advice: i32) Partial "DONTNEED and FREE drop pages, DONTFORK and WIPEONFORK work; other advice is taken as a hint" => sys_madvise;
    SYS_mincore mincore(addr: Addr, length: usize, vec: Addr) Full "" => sys_mincore;
    SYS_brk brk(addr: Addr) Full "" => sys_brk;
    SYS_mlock mlock(addr: Addr, length: usize) Partial "checked; memory of a member is never swapped by its kernel" => sys_mlock;
    SYS_mlock2 mlock2(addr: Addr, length: usize, flags: u32) Partial "as mlock" => sys_mlock2;
    SYS_munlock munlock(addr: Addr, length: usize) Partial "as mlock" => sys_munlock;
    SYS_mlockall mlockall(flags: u32) Partial "as mlock" => sys_mlockall;
    SYS_munlockall munlockall() Partial "as mlock" => sys_munlockall;
}

fn decode_prot(prot: u32) -> SysResult<Prot> {
    let known = PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM | PROT_GROWSDOWN | PROT_GROWSUP;
    if prot & !known != 0 {
        return Err(Errno::EINVAL);
    }
    Ok(to_prot(prot))
}

fn to_prot(prot: u32) -> Prot {
    let mut p = Prot::from_bits_truncate(prot & 7);
    // On x86 what can be written or executed can be read.
    if p.intersects(Prot::WRITE | Prot::EXEC) {
        p |= Prot::READ;
    }
    p
}

/// Page-aligned address and length rounded up; EINVAL when misaligned, ENOMEM on overflow.
fn range(addr: Addr, length: usize) -> SysResult<(usize, usize)> {
    if !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let len = page_up(length).ok_or(Errno::ENOMEM)?;
    addr.0.checked_add(len).ok_or(Errno::ENOMEM)?;
    Ok((addr.0, len))
}

/// mmap(2).
fn sys_mmap(
    cx: &mut Cx<'_>,
    addr: Addr,
    length: usize,
    prot: u32,
    flags: u32,
    fd: Fd,
    offset: u64,
) -> SysResult<usize> {
    let shared = match flags & MAP_TYPE {
        MAP_SHARED => true,
        MAP_SHARED_VALIDATE if flags & MAP_SYNC != 0 => return Err(Errno::EOPNOTSUPP),
        MAP_SHARED_VALIDATE => true,
        MAP_PRIVATE => false,
        _ => return Err(Errno::EINVAL),
    };
    if length == 0 || !offset.is_multiple_of(PAGE_SIZE as u64) {
        return Err(Errno::EINVAL);
    }
    if flags & MAP_HUGETLB != 0 {
        return Err(Errno::ENOMEM);
    }
    let len = page_up(length).ok_or(Errno::ENOMEM)?;
    offset.checked_add(len as u64).ok_or(Errno::EOVERFLOW)?;
    let fixed = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) != 0;
    if fixed && !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let place = if flags & MAP_FIXED_NOREPLACE != 0 {
        Place::FixedFree(addr.0)
    } else if fixed {
        Place::Fixed(addr.0)
    } else if flags & MAP_32BIT != 0 {
        Place::Low
    } else {
        Place::Hint(page_up(addr.0).unwrap_or(0))
    };
    let prot = to_prot(prot);
    let (source, max_prot) = if flags & MAP_ANONYMOUS != 0 {
        (anonymous(cx, len, shared)?, Prot::all())
    } else {
        file_pages(cx, fd, prot, shared, offset, len)?
    };
    cx.process().mm.map(cx.platform(), place, len, Content { source, prot, max_prot, shared })
}

fn anonymous(cx: &Cx<'_>, len: usize, shared: bool) -> SysResult<Source> {
    if !shared {
        return Ok(Source::Anon(""));
    }
    let answer = cx.host().call(Op::SharedAnon, &[len as u64])?;
    let region = answer.region(0).ok_or(Errno::ENOMEM)?;
    let held = Held::take(cx.host(), region)?;
    Ok(Source::Shared(MappedRegion { id: held.id(), keep: Some(held) }, 0))
}

/// The pages of an open file, and the most that mprotect may give later.
fn file_pages(
    cx: &Cx<'_>,
    fd: Fd,
    prot: Prot,
    shared: bool,
    offset: u64,
    len: usize,
) -> SysResult<(Source, Prot)> {
    let file = cx.process().fds.get(fd.0)?;
    let flags = file.open_flags();
    let write = shared && flags.writable();
    if !flags.readable() || (shared && prot.contains(Prot::WRITE) && !write) {
        return Err(Errno::EACCES);
    }
    if file.kind() == Kind::Zero {
        return Ok((anonymous(cx, len, shared)?, Prot::all()));
    }
    let (held, write) = match file.region_for_map(write) {
        // Sealed against writing: such a file can be shared for reading, and mprotect gives no more later.
        Err(Errno::EPERM) if write && !prot.contains(Prot::WRITE) => (file.region_for_map(false)?, false),
        held => (held?, write),
    };
    let info = file.info();
    let path = held.name();
    let region = MappedRegion { id: held.id(), keep: Some(held) };
    let source = Source::File(MappedFile { region, path, dev: info.dev, ino: info.ino }, offset);
    let max = if shared && !write { Prot::READ | Prot::EXEC } else { Prot::all() };
    Ok((source, max))
}

/// munmap(2).
fn sys_munmap(cx: &mut Cx<'_>, addr: Addr, length: usize) -> SysResult<usize> {
    let (at, len) = range(addr, length).map_err(|_| Errno::EINVAL)?;
    if len == 0 {
        return Err(Errno::EINVAL);
    }
    cx.process().mm.unmap(cx.platform(), at, len)?;
    Ok(0)
}

/// mprotect(2).
fn sys_mprotect(cx: &mut Cx<'_>, addr: Addr, length: usize, prot: u32) -> SysResult<usize> {
    let prot = decode_prot(prot)?;
    let (at, len) = range(addr, length)?;
    if len > 0 {
        cx.process().mm.protect(cx.platform(), at, len, prot)?;
    }
    Ok(0)
}

/// mremap(2).
fn sys_mremap(
    cx: &mut Cx<'_>,
    old: Addr,
    old_size: usize,
    new_size: usize,
    flags: u32,
    new: Addr,
) -> SysResult<usize> {
    let bad_flags = flags & !(MREMAP_MAYMOVE | MREMAP_FIXED) != 0;
    let fixed = flags & MREMAP_FIXED != 0;
    let may_move = flags & MREMAP_MAYMOVE != 0;
    let old_len = page_up(old_size).ok_or(Errno::EINVAL)?;
    let new_len = page_up(new_size).ok_or(Errno::EINVAL)?;
    if bad_flags
        || (fixed && (!may_move || !new.0.is_multiple_of(PAGE_SIZE)))
        || !old.0.is_multiple_of(PAGE_SIZE)
        || new_len == 0
    {
        return Err(Errno::EINVAL);
    }
    let to = fixed.then_some(new.0);
    cx.process().mm.remap(cx.platform(), old.0, old_len, new_len, may_move, to)
}

/// msync(2).
fn sys_msync(cx: &mut Cx<'_>, addr: Addr, length: usize, flags: u32) -> SysResult<usize> {
    let both = MS_ASYNC | MS_SYNC;
    if flags & !(MS_ASYNC | MS_SYNC | MS_INVALIDATE) != 0 || flags & both == both {
        return Err(Errno::EINVAL);
    }
    let (at, len) = range(addr, length)?;
    let mm = &cx.process().mm;
    if flags & MS_INVALIDATE != 0 && mm.with(|v| v.overlapping(at, at + len).any(|(_, vma)| vma.locked)) {
        return Err(Errno::EBUSY);
    }
    if !mm.with(|v| v.covers(at, at + len)) {
        return Err(Errno::ENOMEM);
    }
    if flags & MS_SYNC != 0 && len > 0 {
        cx.platform().sync(at, len).map_err(|_| Errno::ENOMEM)?;
    }
    Ok(0)
}

/// madvise(2).
fn sys_madvise(cx: &mut Cx<'_>, addr: Addr, length: usize, advice: i32) -> SysResult<usize> {
    if !(0..=25).contains(&advice) && !matches!(advice, MADV_HWPOISON | MADV_SOFT_OFFLINE) {
        return Err(Errno::EINVAL);
    }
    if matches!(advice, MADV_HWPOISON | MADV_SOFT_OFFLINE) {
        return Err(Errno::EPERM);
    }
    let (at, len) = range(addr, length)?;
    if len == 0 {
        return Ok(0);
    }
    let mm = &cx.process().mm;
    let pf = cx.platform();
    let on_fork = match advice {
        MADV_DONTFORK => Some(OnFork::Omit),
        MADV_WIPEONFORK => Some(OnFork::Wipe),
        MADV_DOFORK | MADV_KEEPONFORK => Some(OnFork::Keep),
        _ => None,
    };
    if let Some(how) = on_fork {
        mm.set_on_fork(at, len, how)?;
    }
    if matches!(advice, MADV_DONTNEED | MADV_FREE) {
        let parts: alloc::vec::Vec<(usize, usize, bool)> = mm.with(|v| {
            let clip = |(s, m): (usize, &process::mm::Vma)| (s.max(at), m.end.min(at + len), m.shared);
            v.overlapping(at, at + len).map(clip).collect()
        });
        if advice == MADV_FREE && parts.iter().any(|p| p.2) {
            return Err(Errno::EINVAL);
        }
        for (s, e, _) in parts {
            pf.forget_sites(s, e - s);
            pf.discard(s, e - s).map_err(|_| Errno::EINVAL)?;
        }
    }
    if mm.with(|v| v.covers(at, at + len)) { Ok(0) } else { Err(Errno::ENOMEM) }
}

/// mincore(2).
fn sys_mincore(cx: &mut Cx<'_>, addr: Addr, length: usize, vec: Addr) -> SysResult<usize> {
    let (at, len) = range(addr, length)?;
    if !cx.process().mm.with(|v| v.covers(at, at + len)) {
        return Err(Errno::ENOMEM);
    }
    const CHUNK: usize = 512;
    let mut buf = [0u8; CHUNK];
    let pages = len / PAGE_SIZE;
    for first in (0..pages).step_by(CHUNK) {
        let n = CHUNK.min(pages - first);
        cx.platform().resident(at + first * PAGE_SIZE, &mut buf[..n]).map_err(|_| Errno::ENOMEM)?;
        cx.write_bytes(vec.0 + first, &buf[..n])?;
    }
    Ok(0)
}

/// brk(2): gives the break, never an error.
fn sys_brk(cx: &mut Cx<'_>, addr: Addr) -> SysResult<usize> {
    let limit = cx.process().rlimits.lock()[RLIMIT_DATA as usize].0;
    cx.process().mm.brk(cx.platform(), addr.0, limit)
}

/// mlock(2).
fn sys_mlock(cx: &mut Cx<'_>, addr: Addr, length: usize) -> SysResult<usize> {
    set_locked(cx, addr, length, true)
}

/// munlock(2).
fn sys_munlock(cx: &mut Cx<'_>, addr: Addr, length: usize) -> SysResult<usize> {
    set_locked(cx, addr, length, false)
}

fn set_locked(cx: &Cx<'_>, addr: Addr, length: usize, locked: bool) -> SysResult<usize> {
    let start = addr.0 & !(PAGE_SIZE - 1);
    let end = addr.0.checked_add(length).and_then(page_up).ok_or(Errno::EINVAL)?;
    cx.process().mm.set_locked(start, end, locked).map(|()| 0)
}

/// mlock2(2).
fn sys_mlock2(cx: &mut Cx<'_>, addr: Addr, length: usize, flags: u32) -> SysResult<usize> {
    if flags & !MLOCK_ONFAULT != 0 {
        return Err(Errno::EINVAL);
    }
    sys_mlock(cx, addr, length)
}

/// mlockall(2).
fn sys_mlockall(cx: &mut Cx<'_>, flags: u32) -> SysResult<usize> {
    let known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
    if flags == 0 || flags & !known != 0 || flags == MCL_ONFAULT {
        return Err(Errno::EINVAL);
    }
    let now = (flags & MCL_CURRENT != 0).then_some(true);
    cx.process().mm.set_all_locked(now, flags & MCL_FUTURE != 0);
    Ok(0)
}

/// munlockall(2).
fn sys_munlockall(cx: &mut Cx<'_>) -> SysResult<usize> {
    cx.process().mm.set_all_locked(Some(false), false);
    Ok(0)
}
