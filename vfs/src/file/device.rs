//! /dev/null, /dev/zero, /dev/full, /dev/random, /dev/urandom: served without a request; null(4), full(4), random(4).

use abi::errno::{Errno, SysResult};
use platform::{Machine, Platform};
use protocol::desc::Kind;

use crate::io::IoBuf;

/// read(2).
pub fn read(kind: Kind, platform: &dyn Platform, io: &mut IoBuf<'_>) -> SysResult<usize> {
    match kind {
        Kind::Null => Ok(0),
        Kind::Random => random(platform, io),
        _ => io.put_zeroes(),
    }
}

/// Fills the buffers with randomness; also getrandom(2).
pub fn random(machine: &(impl Machine + ?Sized), io: &mut IoBuf<'_>) -> SysResult<usize> {
    let mut moved = 0;
    while io.left() > 0 {
        let mut bytes = [0u8; 256];
        let n = io.left().min(bytes.len());
        machine.entropy(&mut bytes[..n]);
        match io.put(&bytes[..n]) {
            Ok(m) => {
                moved += m;
                if m < n {
                    break;
                }
            }
            Err(_) if moved > 0 => break,
            Err(e) => return Err(e),
        }
    }
    Ok(moved)
}

/// write(2). What is written to the random devices goes nowhere: the entropy is the host's.
pub fn write(kind: Kind, io: &mut IoBuf<'_>) -> SysResult<usize> {
    match kind {
        Kind::Full if io.left() > 0 => Err(Errno::ENOSPC),
        _ => Ok(io.swallow()),
    }
}
