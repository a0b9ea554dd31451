//! Addresses that a program handed in. A [`UserRef`] or [`UserSlice`] only *alleges* that something is there:
//! the arithmetic is checked (an overflow is EFAULT), access goes through the kernel's user-copy module.

use core::fmt;
use core::marker::PhantomData;

use crate::errno::{Errno, SysResult};

/// One past the last address that a program can own: `TASK_SIZE` with four-level page tables.
pub const USER_END: u64 = 0x7fff_ffff_f000;

/// Linux's access_ok: EFAULT unless all of `addr..addr + len` could be the program's. An empty range must lie there too.
pub fn access_ok(addr: usize, len: usize) -> SysResult<()> {
    match addr.checked_add(len) {
        Some(end) if end as u64 <= USER_END => Ok(()),
        _ => Err(Errno::EFAULT),
    }
}

/// A typed address in the program's space; possibly null, misaligned or unmapped.
pub struct UserRef<T> {
    addr: u64,
    _type: PhantomData<fn() -> T>,
}

impl<T> UserRef<T> {
    /// The null reference.
    pub const NULL: Self = Self::new(0);

    /// Takes an address as it came in a register. Nothing is checked yet.
    pub const fn new(addr: u64) -> Self {
        Self { addr, _type: PhantomData }
    }

    pub const fn addr(self) -> u64 {
        self.addr
    }

    pub const fn is_null(self) -> bool {
        self.addr == 0
    }

    /// `None` for null: for arguments that may be left out.
    pub const fn non_null(self) -> Option<Self> {
        if self.addr == 0 { None } else { Some(self) }
    }

    /// EFAULT for null: for arguments that must be there.
    pub fn required(self) -> SysResult<Self> {
        self.non_null().ok_or(Errno::EFAULT)
    }

    /// The same address, seen as another type.
    pub const fn cast<U>(self) -> UserRef<U> {
        UserRef::new(self.addr)
    }

    /// The `count`th element after this one.
    #[allow(clippy::should_implement_trait, reason = "as a pointer's `add`, but checked")]
    pub fn add(self, count: usize) -> SysResult<Self> {
        let bytes = size_of::<T>().checked_mul(count).ok_or(Errno::EFAULT)?;
        self.byte_add(bytes)
    }

    /// This address moved up by `bytes`.
    pub fn byte_add(self, bytes: usize) -> SysResult<Self> {
        let addr = self.addr.checked_add(bytes as u64).ok_or(Errno::EFAULT)?;
        if addr > USER_END { Err(Errno::EFAULT) } else { Ok(Self::new(addr)) }
    }

    /// The field at `offset` (from `core::mem::offset_of!`) of the structure here.
    pub fn field_offset<U>(self, offset: usize) -> SysResult<UserRef<U>> {
        Ok(self.byte_add(offset)?.cast())
    }

    /// The bytes of the one value here.
    pub fn bytes(self) -> SysResult<UserSlice> {
        UserSlice::new(self.addr, size_of::<T>())
    }

    /// The bytes of `count` values that start here.
    pub fn array(self, count: usize) -> SysResult<UserSlice> {
        let bytes = size_of::<T>().checked_mul(count).ok_or(Errno::EFAULT)?;
        UserSlice::new(self.addr, bytes)
    }

    /// True if the address is a multiple of the type's alignment (futex(2) demands it).
    pub const fn is_aligned(self) -> bool {
        self.addr.is_multiple_of(align_of::<T>() as u64)
    }
}

impl<T> Clone for UserRef<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for UserRef<T> {}

impl<T> PartialEq for UserRef<T> {
    fn eq(&self, other: &Self) -> bool {
        self.addr == other.addr
    }
}

impl<T> Eq for UserRef<T> {}

impl<T> Default for UserRef<T> {
    fn default() -> Self {
        Self::NULL
    }
}

impl<T> fmt::Debug for UserRef<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_null() { f.write_str("NULL") } else { write!(f, "{:#x}", self.addr) }
    }
}

/// A range of bytes in the program's space, known not to wrap or to leave the user half; it may be unmapped.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct UserSlice {
    addr: u64,
    len: usize,
}

impl UserSlice {
    /// EFAULT if the range wraps or passes [`USER_END`]. An empty range may have any address, as on Linux.
    pub fn new(addr: u64, len: usize) -> SysResult<Self> {
        if len != 0 {
            let end = addr.checked_add(len as u64).ok_or(Errno::EFAULT)?;
            if end > USER_END {
                return Err(Errno::EFAULT);
            }
        }
        Ok(Self { addr, len })
    }

    pub const fn addr(self) -> u64 {
        self.addr
    }

    pub const fn len(self) -> usize {
        self.len
    }

    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// One past the last byte.
    pub const fn end(self) -> u64 {
        self.addr.wrapping_add(self.len as u64)
    }

    /// The part from `offset` on; EFAULT if the range is shorter than that.
    pub fn skip(self, offset: usize) -> SysResult<Self> {
        let len = self.len.checked_sub(offset).ok_or(Errno::EFAULT)?;
        Ok(Self { addr: self.addr.wrapping_add(offset as u64), len })
    }

    /// The first `len` bytes, or all if there are fewer.
    pub fn take(self, len: usize) -> Self {
        Self { addr: self.addr, len: self.len.min(len) }
    }

    /// The first `at` bytes and the rest; EFAULT if the range is shorter than that.
    pub fn split_at(self, at: usize) -> SysResult<(Self, Self)> {
        Ok((self.take(at), self.skip(at)?))
    }

    /// A typed reference to `offset` bytes into the range; EFAULT if a `T` there would not lie within.
    pub fn at<T>(self, offset: usize) -> SysResult<UserRef<T>> {
        let rest = self.skip(offset)?;
        if rest.len < size_of::<T>() { Err(Errno::EFAULT) } else { Ok(UserRef::new(rest.addr)) }
    }
}

impl fmt::Debug for UserSlice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}+{:#x}", self.addr, self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_is_checked() {
        assert_eq!(UserRef::<u64>::new(16).add(2), Ok(UserRef::new(32)));
        assert_eq!(UserRef::<u64>::new(16).add(usize::MAX), Err(Errno::EFAULT));
        assert_eq!(UserRef::<u8>::new(u64::MAX).byte_add(1), Err(Errno::EFAULT));
        assert_eq!(UserRef::<u64>::new(8).array(usize::MAX / 4), Err(Errno::EFAULT));
        assert_eq!(UserRef::<u8>::NULL.required(), Err(Errno::EFAULT));
    }

    #[test]
    fn ranges_of_transfers_stay_in_the_user_half() {
        let end = USER_END as usize;
        assert_eq!(access_ok(end - 4, 4), Ok(()));
        assert_eq!(access_ok(end, 0), Ok(()));
        for (addr, len) in [(end - 4, 5), (end + 1, 0), (0x1000, usize::MAX), (usize::MAX, 0)] {
            assert_eq!(access_ok(addr, len), Err(Errno::EFAULT));
        }
    }

    #[test]
    fn slices_stay_in_the_user_half() {
        assert!(UserSlice::new(USER_END - 4, 4).is_ok());
        assert_eq!(UserSlice::new(USER_END - 4, 5), Err(Errno::EFAULT));
        assert_eq!(UserSlice::new(u64::MAX, 2), Err(Errno::EFAULT));
        assert!(UserSlice::new(u64::MAX, 0).is_ok());
        let slice = UserSlice::new(0x1000, 8).unwrap();
        assert_eq!(slice.at::<u32>(4).unwrap().addr(), 0x1004);
        assert_eq!(slice.at::<u32>(5), Err(Errno::EFAULT));
        assert_eq!(slice.skip(9), Err(Errno::EFAULT));
    }
}
