//! Requests on System V objects.

use abi::Errno;
use protocol::Op;

use crate::call::{Call, OpResult};
use crate::family::Family;

/// Carries out one of them.
pub fn handle(_fam: &mut Family, _op: Op, _call: &Call) -> OpResult {
    Err(Errno::ENOSYS)
}
