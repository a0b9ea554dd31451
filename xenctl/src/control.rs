//! The frame around every domctl and sysctl: command, interface version, and a union of fixed size.

use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::hypercall::{Arguments, Xen, number};
use crate::wire::{DomctlHead, DomctlVersion, SysctlHead, SysctlVersion, UNION};
use crate::{DomId, Result};

/// One domctl, about to be made.
pub(crate) struct Domctl<'a> {
    pub xen: &'a Xen,
    pub version: DomctlVersion,
    pub cmd: u32,
    pub name: &'static str,
    pub domain: Option<DomId>,
}

impl Xen {
    /// A domctl about a domain in the version that is spoken here.
    pub(crate) fn domctl(&self, cmd: u32, name: &'static str, domain: DomId) -> Domctl<'_> {
        Domctl { xen: self, version: self.domctl_version(), cmd, name, domain: Some(domain) }
    }
}

impl Domctl<'_> {
    /// Makes it, with nothing to read back.
    pub fn set<P: IntoBytes + Immutable + ?Sized>(self, payload: &P) -> Result<()> {
        let domain = self.domain.unwrap_or(DomId::SELF);
        self.run_for(domain, |_| payload.as_bytes().to_vec(), |_, _, _| ())
    }

    /// Makes it and gives the payload as Xen left it.
    pub fn get<P: IntoBytes + FromBytes + Immutable>(self, payload: &P) -> Result<P> {
        self.run(|_| payload.as_bytes().to_vec(), |_, payload| payload)
    }

    /// Makes it with a payload that refers to buffers.
    pub fn run<P: FromBytes, R>(
        self,
        payload: impl FnOnce(&mut Arguments<'_>) -> Vec<u8>,
        read: impl FnOnce(&Arguments<'_>, P) -> R,
    ) -> Result<R> {
        let domain = self.domain.unwrap_or(DomId::SELF);
        self.run_for(domain, payload, |arguments, _, bytes| read(arguments, prefix(bytes)))
    }

    /// The same for a domain id that is none yet.
    pub fn run_for<R>(
        self,
        domain: DomId,
        payload: impl FnOnce(&mut Arguments<'_>) -> Vec<u8>,
        read: impl FnOnce(&Arguments<'_>, DomctlHead, &[u8]) -> R,
    ) -> Result<R> {
        let version = self.version.0;
        let head = DomctlHead { cmd: self.cmd, interface_version: version, domain: domain.0, pad: [0; 3] };
        run(self.xen, (self.name, self.domain, number::DOMCTL), head.as_bytes(), payload, |arguments, op| {
            let (head, rest) = op.split_at(size_of::<DomctlHead>());
            read(arguments, prefix(head), rest)
        })
    }
}

/// One sysctl, about to be made.
pub(crate) struct Sysctl<'a> {
    pub xen: &'a Xen,
    pub version: SysctlVersion,
    pub cmd: u32,
    pub name: &'static str,
}

impl Sysctl<'_> {
    /// Makes it and lets `read` look at the payload as Xen left it.
    pub fn run<P: IntoBytes + FromBytes + Immutable, R>(
        self,
        payload: impl FnOnce(&mut Arguments<'_>) -> P,
        read: impl FnOnce(&Arguments<'_>, P) -> R,
    ) -> Result<R> {
        let head = SysctlHead { cmd: self.cmd, interface_version: self.version.0 };
        let payload = |arguments: &mut Arguments<'_>| payload(arguments).as_bytes().to_vec();
        run(self.xen, (self.name, None, number::SYSCTL), head.as_bytes(), payload, |arguments, op| {
            read(arguments, prefix(&op[size_of::<SysctlHead>()..]))
        })
    }
}

fn run<R>(
    xen: &Xen,
    (name, domain, number): (&'static str, Option<DomId>, u64),
    head: &[u8],
    payload: impl FnOnce(&mut Arguments<'_>) -> Vec<u8>,
    read: impl FnOnce(&Arguments<'_>, &[u8]) -> R,
) -> Result<R> {
    let len = head.len() + UNION;
    xen.call(
        name,
        domain,
        number,
        |arguments| {
            let mut op = head.to_vec();
            op.extend(payload(arguments));
            op.resize(len, 0);
            let at = arguments.put(op.as_slice());
            [arguments.address(at), 0, 0, 0, 0]
        },
        |arguments, _| {
            let op = arguments.last(len);
            read(arguments, &op)
        },
    )
}

/// The structure at the front of these bytes; the union is larger than every one that is used.
fn prefix<T: FromBytes>(bytes: &[u8]) -> T {
    match FromBytes::read_from_prefix(bytes) {
        Ok((value, _)) => value,
        Err(_) => unreachable!("the union is larger than its members"),
    }
}
