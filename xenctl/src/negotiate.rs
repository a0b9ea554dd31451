//! Which versions of the unstable interfaces the hypervisor speaks: it answers EACCES to all others, so each is tried.

use crate::domain::{self, DomId};
use crate::hypercall::Xen;
use crate::wire::{DomctlVersion, SysctlVersion};
use crate::{Error, Result};

/// The domctl interface's version.
pub(crate) fn domctl(xen: &Xen) -> Result<DomctlVersion> {
    let candidates = (DomctlVersion::OLDEST.0..=DomctlVersion::NEWEST.0).rev().map(DomctlVersion);
    first(candidates, |version| domain::get_info(xen, version, DomId(0)).map(drop))
}

/// The sysctl interface's version.
pub(crate) fn sysctl(xen: &Xen) -> Result<SysctlVersion> {
    let candidates = (SysctlVersion::OLDEST.0..=SysctlVersion::NEWEST.0).rev().map(SysctlVersion);
    first(candidates, |version| domain::physical_info(xen, version).map(drop))
}

/// The first that is not refused for its number; if all are, the last refusal.
fn first<V: Copy>(candidates: impl Iterator<Item = V>, attempt: impl Fn(V) -> Result<()>) -> Result<V> {
    let mut refusal = Error::Full("no interface versions to try");
    for version in candidates {
        match attempt(version) {
            Ok(()) => return Ok(version),
            Err(error) if error.errno() == Some(libc::EACCES) => refusal = error,
            Err(error) => return Err(error),
        }
    }
    Err(refusal)
}
