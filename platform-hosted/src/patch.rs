//! Rewriting system-call sites.

use abi::regs::TrapFrame;
use platform::CodeSpace;

/// See `Machine::patch_site`.
pub fn patch_site(_frame: &TrapFrame, _space: &mut dyn CodeSpace) {}

/// See `Machine::forget_sites`.
pub fn forget(_addr: usize, _len: usize) {}

/// If the frame's fault came from the middle of a rewritten site, sends it on; true when so.
pub fn repair(_frame: &mut TrapFrame) -> bool {
    false
}
