//! Terminals and the host's standard streams: bytes by requests, which answer EAGAIN until the object tells a change.

use abi::errno::{Errno, SysResult};
use abi::poll::PollEvents;
use protocol::Op;

use super::OpenFile;
use crate::io::IoBuf;

/// read(2).
pub fn read(f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
    if io.left() == 0 {
        return Ok(0);
    }
    let want = io.left().min(protocol::control::SLOT_DATA);
    let args = [u64::from(f.desc()), want as u64, 0, 0, 0, 0, u64::from(io.again), f.host().tty_mask()];
    match f.host().call(Op::Read, &args) {
        Ok(answer) => {
            let got = (answer.ret() as usize).min(answer.len()).min(want);
            let (view, off) = answer.place();
            io.put_region(view, off, got)
        }
        Err(e) => {
            io.again |= e == Errno::EAGAIN;
            Err(e)
        }
    }
}

/// A step of write(2).
pub fn write(f: &OpenFile, io: &mut IoBuf<'_>) -> SysResult<usize> {
    if io.left() == 0 {
        return Ok(0);
    }
    let from = io.done();
    let mut out = f.host().begin(Op::Write);
    let want = io.left().min(out.room());
    let n = {
        let (view, off) = out.place();
        io.take_region(view, off, want)?
    };
    out.advance(n);
    let sent = out.send(&[u64::from(f.desc()), 0, 0, 0, 0, 0, 0, f.host().tty_mask()]);
    let taken = sent.map(|answer| (answer.ret() as usize).min(n));
    io.rewind(from + taken.unwrap_or(0));
    taken
}

/// poll(2); the monitor arms the object's event.
pub fn poll(f: &OpenFile, exclusive: bool) -> PollEvents {
    match f.host().call(Op::PollDesc, &[u64::from(f.desc()), u64::from(exclusive)]) {
        Ok(answer) => PollEvents::from_bits_truncate(answer.ret() as u16),
        Err(_) => PollEvents::POLLERR,
    }
}
