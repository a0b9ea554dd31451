//! Decoding of raw argument registers into types.

use abi::errno::SysResult;
use abi::user::UserRef;

/// A type that a system call takes as one argument register.
pub trait FromArg: Sized {
    /// How traces print it.
    const KIND: ArgKind;
    /// Decodes the register, cutting it to the width that Linux looks at.
    fn from_arg(raw: u64) -> SysResult<Self>;
}

/// How a trace prints an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    Int,
    Fd,
    Hex,
    Path,
    Address,
}

macro_rules! plain {
    ($($t:ty => $k:ident),*) => {$(
        impl FromArg for $t {
            const KIND: ArgKind = ArgKind::$k;
            fn from_arg(raw: u64) -> SysResult<Self> {
                Ok(raw as $t)
            }
        }
    )*};
}
plain!(i32 => Int, u32 => Hex, i64 => Int, u64 => Hex, usize => Int, isize => Int, u16 => Int);

impl<T> FromArg for UserRef<T> {
    const KIND: ArgKind = ArgKind::Address;
    fn from_arg(raw: u64) -> SysResult<Self> {
        Ok(UserRef::new(raw))
    }
}

/// A file descriptor argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fd(pub i32);

impl FromArg for Fd {
    const KIND: ArgKind = ArgKind::Fd;
    fn from_arg(raw: u64) -> SysResult<Self> {
        Ok(Fd(raw as i32))
    }
}

/// Address of a NUL-terminated path in the app's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PathArg(pub usize);

impl FromArg for PathArg {
    const KIND: ArgKind = ArgKind::Path;
    fn from_arg(raw: u64) -> SysResult<Self> {
        Ok(PathArg(raw as usize))
    }
}

/// An address in the app's memory, not yet looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addr(pub usize);

impl FromArg for Addr {
    const KIND: ArgKind = ArgKind::Address;
    fn from_arg(raw: u64) -> SysResult<Self> {
        Ok(Addr(raw as usize))
    }
}
