//! Where the bytes of a transfer come from or go to: the app's buffers, or memory of the kernel.
//!
//! A transfer that hits an inaccessible address stops there: the bytes moved before it count, and EFAULT is reported only
//! if there are none (read(2), "EFAULT", as Linux does it).

use abi::errno::{Errno, SysResult};
use abi::uio::{IoVec, MAX_RW_COUNT};
use abi::user::access_ok;
use alloc::vec::Vec;
use platform::{Fault, Machine, Platform, RegionView};
use protocol::SharedMem;

const PAGE: usize = 4096;
/// Elements that need no allocation.
pub const INLINE: usize = 8;

/// Copies between the app and the kernel: the platform, the address, the offset in this move, the length.
type CopyStretch<'a> = dyn FnMut(&dyn Platform, usize, usize, usize) -> Result<(), Fault> + 'a;

/// Elements of a vector, the usual few of them in place.
pub enum Segments {
    Few([IoVec; INLINE], usize),
    Many(Vec<IoVec>),
}

impl Segments {
    fn get(&self) -> &[IoVec] {
        match self {
            Segments::Few(a, n) => &a[..*n],
            Segments::Many(v) => v,
        }
    }
}

enum Place<'a> {
    User { platform: &'static dyn Platform, segments: Segments, index: usize, at: usize },
    Source(&'a [u8]),
    Region(&'a RegionView, usize),
    Target(&'a mut [u8]),
}

/// A cursor over the bytes of one transfer.
pub struct IoBuf<'a> {
    place: Place<'a>,
    left: usize,
    done: usize,
    /// The operation was answered EAGAIN once already: it is being repeated (a terminal's VTIME counts from its start).
    pub again: bool,
    /// The process's limit for a file's size, for writes.
    pub file_limit: u64,
    /// Set when nothing could be written because of it.
    pub over_limit: bool,
}

impl<'a> IoBuf<'a> {
    fn new(place: Place<'a>, left: usize) -> Self {
        Self { place, left, done: 0, again: false, file_limit: u64::MAX, over_limit: false }
    }

    /// One buffer of the app: EFAULT if it reaches beyond what an app can own, however little of it would be moved.
    pub fn user(platform: &'static dyn Platform, addr: usize, len: usize) -> SysResult<Self> {
        access_ok(addr, len)?;
        let mut few = [IoVec::default(); INLINE];
        few[0] = IoVec { iov_base: addr as u64, iov_len: len as u64 };
        let segments = Segments::Few(few, 1);
        Ok(Self::new(Place::User { platform, segments, index: 0, at: 0 }, len.min(MAX_RW_COUNT)))
    }

    /// The app's buffers, as [`import`] gives them.
    pub fn vectored(platform: &'static dyn Platform, segments: Segments) -> Self {
        let total = segments.get().iter().map(|s| s.iov_len as usize).sum::<usize>();
        Self::new(Place::User { platform, segments, index: 0, at: 0 }, total)
    }

    /// Bytes of the kernel to be written.
    pub fn source(bytes: &'a [u8]) -> Self {
        let n = bytes.len();
        Self::new(Place::Source(bytes), n)
    }

    /// Bytes of a region to be written.
    pub fn region(view: &'a RegionView, off: usize, len: usize) -> Self {
        Self::new(Place::Region(view, off), len)
    }

    /// A buffer of the kernel to be filled.
    pub fn target(bytes: &'a mut [u8]) -> Self {
        let n = bytes.len();
        Self::new(Place::Target(bytes), n)
    }

    /// Bytes that may still be moved.
    pub fn left(&self) -> usize {
        self.left
    }

    /// Bytes moved.
    pub fn done(&self) -> usize {
        self.done
    }

    /// The transfer shall not move more than `n` further bytes.
    pub fn limit(&mut self, n: usize) {
        self.left = self.left.min(n);
    }

    /// Goes back to where `done` bytes had been moved (a request took fewer than were put into it).
    pub fn rewind(&mut self, done: usize) {
        let back = self.done.saturating_sub(done);
        self.left += back;
        self.done -= back;
        if let Place::User { segments, index, at, .. } = &mut self.place {
            let (mut i, mut rest) = (0, self.done);
            let all = segments.get();
            while i < all.len() && rest >= all[i].iov_len as usize {
                rest -= all[i].iov_len as usize;
                i += 1;
            }
            (*index, *at) = (i, rest);
        }
    }

    /// The address and length of the next stretch of the app's memory, at most `n` bytes; `None` at the end.
    fn stretch(&mut self, n: usize) -> Option<(usize, usize)> {
        let Place::User { segments, index, at, .. } = &mut self.place else { return None };
        let all = segments.get();
        while *index < all.len() && *at >= all[*index].iov_len as usize {
            (*index, *at) = (*index + 1, 0);
        }
        let s = all.get(*index)?;
        Some(((s.iov_base as usize).wrapping_add(*at), n.min(s.iov_len as usize - *at)))
    }

    fn advance(&mut self, n: usize) {
        self.left -= n;
        self.done += n;
        if let Place::User { at, .. } = &mut self.place {
            *at += n;
        }
    }

    /// Moves up to `n` bytes by `copy`.
    fn each(&mut self, n: usize, copy: &mut CopyStretch<'_>) -> SysResult<usize> {
        let n = n.min(self.left);
        let mut moved = 0;
        while moved < n {
            let Some((addr, len)) = self.stretch(n - moved) else { break };
            let Place::User { platform, .. } = &self.place else { break };
            let ok = match copy(*platform, addr, moved, len) {
                Ok(()) => len,
                Err(Fault) => upto_fault(addr, len, |at, l| copy(*platform, addr + at, moved + at, l)),
            };
            self.advance(ok);
            moved += ok;
            if ok < len {
                if moved == 0 {
                    return Err(Errno::EFAULT);
                }
                break;
            }
        }
        Ok(moved)
    }

    /// Moves up to `n` bytes from a region into the buffers.
    pub fn put_region(&mut self, view: &RegionView, off: usize, n: usize) -> SysResult<usize> {
        let n = n.min(self.left);
        if let Place::Target(to) = &mut self.place {
            view.read(off, &mut to[self.done..self.done + n]);
            self.advance(n);
            return Ok(n);
        }
        self.each(n, &mut |p, addr, at, len| p.copy_out_region(addr, view, off + at, len))
    }

    /// Moves bytes of the kernel into the buffers.
    pub fn put(&mut self, bytes: &[u8]) -> SysResult<usize> {
        let n = bytes.len().min(self.left);
        if let Place::Target(to) = &mut self.place {
            to[self.done..self.done + n].copy_from_slice(&bytes[..n]);
            self.advance(n);
            return Ok(n);
        }
        self.each(n, &mut |p, addr, at, len| p.copy_out(addr, &bytes[at..at + len]))
    }

    /// Moves up to `n` bytes from the buffers into a region.
    pub fn take_region(&mut self, view: &RegionView, off: usize, n: usize) -> SysResult<usize> {
        let n = n.min(self.left);
        if let Place::Source(from) = &self.place {
            view.write(off, &from[self.done..self.done + n]);
            self.advance(n);
            return Ok(n);
        }
        if let Place::Region(from, at) = &self.place {
            view.copy_from(off, from, at + self.done, n);
            self.advance(n);
            return Ok(n);
        }
        self.each(n, &mut |p, addr, at, len| p.copy_in_region(view, off + at, addr, len))
    }

    /// Moves bytes from the buffers into memory of the kernel.
    pub fn take(&mut self, bytes: &mut [u8]) -> SysResult<usize> {
        let n = bytes.len().min(self.left);
        if let Place::Source(from) = &self.place {
            bytes[..n].copy_from_slice(&from[self.done..self.done + n]);
            self.advance(n);
            return Ok(n);
        }
        if let Place::Region(from, at) = &self.place {
            from.read(at + self.done, &mut bytes[..n]);
            self.advance(n);
            return Ok(n);
        }
        self.each(n, &mut |p, addr, at, len| p.copy_in(addr, &mut bytes[at..at + len]))
    }

    /// Fills all that is left of the buffers with zeroes.
    pub fn put_zeroes(&mut self) -> SysResult<usize> {
        const ZEROES: [u8; PAGE] = [0; PAGE];
        let mut moved = 0;
        while self.left > 0 {
            match self.put(&ZEROES) {
                Ok(n) => moved += n,
                Err(_) if moved > 0 => break,
                Err(e) => return Err(e),
            }
        }
        Ok(moved)
    }

    /// Takes no notice of all that is left, as a device that swallows it does.
    pub fn swallow(&mut self) -> usize {
        let n = self.left;
        self.left = 0;
        self.done += n;
        n
    }
}

/// How many of `len` bytes at `addr` can be copied, page by page.
fn upto_fault(addr: usize, len: usize, mut copy: impl FnMut(usize, usize) -> Result<(), Fault>) -> usize {
    let mut at = 0;
    while at < len {
        let step = (PAGE - (addr.wrapping_add(at)) % PAGE).min(len - at);
        if copy(at, step).is_err() {
            break;
        }
        at += step;
    }
    at
}

/// The vector of a vectored call: EINVAL for too many elements or a length beyond `isize::MAX`, EFAULT if it cannot be
/// read or an element reaches beyond what an app can own. A total beyond `MAX_RW_COUNT` is cut, not refused, whatever
/// readv(2) says; Linux's `__import_iovec` (which cuts a single element before it looks where it reaches).
pub fn import(platform: &'static dyn Platform, addr: usize, count: usize) -> SysResult<Segments> {
    if count > abi::uio::UIO_MAXIOV {
        return Err(Errno::EINVAL);
    }
    let mut few = [IoVec::default(); INLINE];
    let mut many = Vec::new();
    let list = if count <= INLINE {
        &mut few[..count]
    } else {
        many.resize(count, IoVec::default());
        &mut many[..]
    };
    copy_vector(platform, addr, list)?;
    if list.iter().any(|v| v.iov_len > isize::MAX as u64) {
        return Err(Errno::EINVAL);
    }
    if let [one] = list {
        one.iov_len = one.iov_len.min(MAX_RW_COUNT as u64);
    }
    let mut room = MAX_RW_COUNT as u64;
    for v in list.iter_mut() {
        access_ok(v.iov_base as usize, v.iov_len as usize)?;
        v.iov_len = v.iov_len.min(room);
        room -= v.iov_len;
    }
    Ok(if count <= INLINE { Segments::Few(few, count) } else { Segments::Many(many) })
}

fn copy_vector(machine: &dyn Machine, addr: usize, list: &mut [IoVec]) -> SysResult<()> {
    use zerocopy::IntoBytes;
    machine.copy_in(addr, list.as_mut_bytes()).map_err(|_| Errno::EFAULT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_moves_in_parts() {
        let mut io = IoBuf::source(b"abcdef");
        let mut part = [0; 4];
        assert_eq!(io.take(&mut part), Ok(4));
        assert_eq!(&part, b"abcd");
        io.rewind(2);
        assert_eq!((io.left(), io.done()), (4, 2));
        assert_eq!(io.take(&mut part), Ok(4));
        assert_eq!(&part, b"cdef");
        assert_eq!(io.take(&mut part), Ok(0));
    }

    #[test]
    fn a_fault_keeps_what_was_moved() {
        // 100 bytes from 4000: 96 to the page's end, then a page that faults.
        let n = upto_fault(4000, 100, |at, len| if 4000 + at + len <= 4096 { Ok(()) } else { Err(Fault) });
        assert_eq!(n, 96);
    }
}
