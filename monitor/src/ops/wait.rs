//! wait4(2), waitid(2).

use abi::Errno;

use crate::call::{Call, OpResult};
use crate::family::Family;

/// Answers at once: a child's status, ECHILD, or EAGAIN and a later `EV_RETRY`.
pub fn handle(_fam: &mut Family, _call: &Call) -> OpResult {
    Err(Errno::ENOSYS)
}
