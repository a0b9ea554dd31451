//! Hypercalls through `/dev/xen/privcmd`, with their arguments in memory from `/dev/xen/hypercall`: the kernel keeps those
//! pages in place, so that Xen can reach them at any moment of the call.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::sys::{self, Mapping, ioc};
use crate::wire::{DomctlVersion, SysctlVersion};
use crate::{DomId, Error, PAGE, Result, negotiate};

/// Hypercall numbers (xen/include/public/xen.h).
pub mod number {
    pub const MEMORY_OP: u64 = 12;
    pub const XEN_VERSION: u64 = 17;
    pub const GRANT_TABLE_OP: u64 = 20;
    pub const SCHED_OP: u64 = 29;
    pub const EVENT_CHANNEL_OP: u64 = 32;
    pub const HVM_OP: u64 = 34;
    pub const SYSCTL: u64 = 35;
    pub const DOMCTL: u64 = 36;
    pub const DM_OP: u64 = 41;
}

/// `struct privcmd_hypercall`.
#[repr(C)]
struct Call {
    op: u64,
    args: [u64; 5],
}

const IOCTL_HYPERCALL: u64 = ioc(b'P', 0, size_of::<Call>());
/// Pages for arguments: the kernel makes all of them at once, when they are mapped.
const BUFFER_PAGES: usize = 8;
/// SCHEDOP_yield (xen/include/public/sched.h).
const YIELD: u64 = 0;

/// A handle on the hypervisor; see the crate's documentation.
#[derive(Clone, Debug)]
pub struct Xen {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    privcmd: File,
    buffer: Mutex<Mapping>,
    domctl: DomctlVersion,
    sysctl: SysctlVersion,
}

impl Xen {
    /// Opens the devices and finds out which interfaces the hypervisor speaks.
    pub fn open() -> Result<Xen> {
        let privcmd = sys::open("/dev/xen/privcmd", 0)?;
        let path = "/dev/xen/hypercall";
        let hypercall = sys::open(path, 0)?;
        let buffer = Mapping::new(&hypercall, BUFFER_PAGES)
            .map_err(|source| Error::Device { path: path.to_owned(), source })?;
        let (domctl, sysctl) = (DomctlVersion::NEWEST, SysctlVersion::NEWEST);
        let inner = Inner { privcmd, buffer: Mutex::new(buffer), domctl, sysctl };
        let mut xen = Xen { inner: Arc::new(inner) };
        let (domctl, sysctl) = (negotiate::domctl(&xen)?, negotiate::sysctl(&xen)?);
        if let Some(inner) = Arc::get_mut(&mut xen.inner) {
            (inner.domctl, inner.sysctl) = (domctl, sysctl);
        }
        Ok(xen)
    }

    /// The hypervisor's version, as (major, minor).
    pub fn version(&self) -> Result<(u16, u16)> {
        let version = self.call("XENVER_version", None, number::XEN_VERSION, |_| [0; 5], |_, ret| ret)?;
        Ok(((version >> 16) as u16, version as u16))
    }

    /// Lets other domains have this CPU, if any wants it.
    pub fn give_way(&self) -> Result<()> {
        self.call("SCHEDOP_yield", None, number::SCHED_OP, |_| [YIELD, 0, 0, 0, 0], |_, _| ())
    }

    /// The layout of domctls here.
    pub(crate) fn domctl_version(&self) -> DomctlVersion {
        self.inner.domctl
    }

    /// The version of sysctls here.
    pub(crate) fn sysctl_version(&self) -> SysctlVersion {
        self.inner.sysctl
    }

    /// The device for hypercalls and foreign mappings.
    pub(crate) fn privcmd(&self) -> &File {
        &self.inner.privcmd
    }

    /// One hypercall: `fill` writes the arguments into the buffer and gives the call's five words; `read` looks at the
    /// buffer and the call's value afterwards.
    pub(crate) fn call<R>(
        &self,
        name: &'static str,
        domain: Option<DomId>,
        op: u64,
        fill: impl FnOnce(&mut Arguments<'_>) -> [u64; 5],
        read: impl FnOnce(&Arguments<'_>, i64) -> R,
    ) -> Result<R> {
        // A thread that panicked with the lock held left arguments that nobody needs.
        let buffer = self.inner.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut arguments = Arguments { buffer: &buffer, used: 0 };
        let mut call = Call { op, args: fill(&mut arguments) };
        // SAFETY: the hypercall's structures were laid in the buffer by `fill`, with every address in them pointing
        // into it; the lock keeps others from the buffer during the call.
        let ret = unsafe { sys::ioctl(&self.inner.privcmd, IOCTL_HYPERCALL, &mut call) }
            .map_err(|error| Error::call(name, domain, error))?;
        Ok(read(&arguments, ret))
    }
}

/// The buffer during one call: structures are laid one behind the other.
pub(crate) struct Arguments<'a> {
    buffer: &'a Mapping,
    used: usize,
}

/// A place in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(usize);

impl Place {
    /// The place so many bytes further on.
    pub fn behind(self, bytes: usize) -> Place {
        Place(self.0 + bytes)
    }
}

impl Arguments<'_> {
    /// The most bytes of data that a call may carry beside its small structures.
    pub const MOST: usize = (BUFFER_PAGES - 1) * PAGE;

    /// Room for `len` bytes, zeroed.
    pub fn space(&mut self, len: usize) -> Place {
        let place = self.used.next_multiple_of(8);
        assert!(len <= self.buffer.len() - place, "a hypercall's arguments outgrow their buffer");
        // SAFETY: [place, place + len) lies in the buffer (checked above), which only the holder of the lock touches.
        unsafe { self.buffer.base().add(place).write_bytes(0, len) };
        self.used = place + len;
        Place(place)
    }

    /// Lays bytes into the buffer.
    pub fn put(&mut self, value: &(impl IntoBytes + Immutable + ?Sized)) -> Place {
        let bytes = value.as_bytes();
        let place = self.space(bytes.len());
        // SAFETY: `space` made room for just these bytes; the source is no part of the buffer.
        unsafe { self.buffer.base().add(place.0).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        place
    }

    /// The address of a place, as the hypervisor takes it.
    pub fn address(&self, place: Place) -> u64 {
        self.buffer.base() as u64 + place.0 as u64
    }

    /// The place that has this address.
    pub fn at_address(&self, address: u64) -> Place {
        Place((address - self.buffer.base() as u64) as usize)
    }

    /// Copies the structure out that was laid last.
    pub fn last(&self, len: usize) -> Vec<u8> {
        self.bytes(Place(self.used - len), len)
    }

    /// Copies bytes out.
    pub fn bytes(&self, place: Place, len: usize) -> Vec<u8> {
        assert!(place.0.checked_add(len).is_some_and(|end| end <= self.used), "outside of the arguments");
        // SAFETY: the range was laid before (checked above) and the hypercall is over: nobody writes there.
        unsafe { std::slice::from_raw_parts(self.buffer.base().add(place.0), len) }.to_vec()
    }

    /// Copies a structure out.
    pub fn get<T: FromBytes>(&self, place: Place) -> T {
        let bytes = self.bytes(place, size_of::<T>());
        FromBytes::read_from_bytes(&bytes)
            .unwrap_or_else(|_| unreachable!("as many bytes as the structure has"))
    }
}
