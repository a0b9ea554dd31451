//! Operations on two futexes.

use abi::errno::{Errno, SysResult};
use abi::process::*;
use protocol::Op;

use super::{ANY, Place, TABLE, wake};
use crate::kernel::kernel;
use crate::wait_on::Waker;

/// Wakes up to `most_woken` waiters and makes up to `most_moved` others wait for `to`; gives the sum. Between private
/// and shared memory nothing can be moved; those waiters are woken, as any futex wait may end early.
pub fn requeue(from: Place, to: Place, most_woken: usize, most_moved: usize) -> SysResult<usize> {
    match (from, to) {
        (Place::Private(_), Place::Private(_)) => {
            let (woken, moved) = TABLE.lock().requeue(from, most_woken, most_moved, to);
            woken.iter().for_each(Waker::wake);
            Ok(woken.len() + moved)
        }
        (Place::Shared { region, offset }, Place::Shared { region: r2, offset: o2 }) => {
            let args = [region, offset, most_woken as u64, most_moved as u64, r2, o2];
            let answer = kernel().host.call(Op::FutexRequeue, &args)?;
            kernel().sched.request_work();
            Ok((answer.ret() + answer.value(0)) as usize)
        }
        _ => wake(from, most_woken.saturating_add(most_moved), ANY),
    }
}

/// FUTEX_WAKE_OP: changes the word at `addr2` as `op` says, wakes waiters of the first futex, and of the second if the
/// word's old value compares as `op` says.
pub fn wake_op(
    first: Place,
    most: usize,
    second: Place,
    most2: usize,
    addr2: usize,
    op: u32,
) -> SysResult<usize> {
    let op = WakeOp::decode(op);
    let pf = kernel().platform;
    let mut old = pf.load_u32(addr2).map_err(|_| Errno::EFAULT)?;
    loop {
        let new = op.apply(old)?;
        let found = pf.cas_u32(addr2, old, new).map_err(|_| Errno::EFAULT)?;
        if found == old {
            break;
        }
        old = found;
    }
    let hit = op.compare(old)?;
    let mut count = wake(first, most, ANY)?;
    if hit {
        count += wake(second, most2, ANY)?;
    }
    Ok(count)
}

/// The packed operation of FUTEX_WAKE_OP.
#[derive(Clone, Copy, Debug)]
struct WakeOp {
    op: u32,
    cmp: u32,
    oparg: u32,
    cmparg: i32,
}

impl WakeOp {
    fn decode(packed: u32) -> Self {
        let signed12 = |v: u32| ((v << 20) as i32) >> 20;
        let op = packed >> 28;
        let oparg = signed12(packed >> 12);
        let shift = op & FUTEX_OP_OPARG_SHIFT != 0;
        Self {
            op: op & !FUTEX_OP_OPARG_SHIFT,
            cmp: packed >> 24 & 0xf,
            oparg: if shift { 1 << (oparg & 31) } else { oparg as u32 },
            cmparg: signed12(packed),
        }
    }

    fn apply(self, old: u32) -> SysResult<u32> {
        Ok(match self.op {
            FUTEX_OP_SET => self.oparg,
            FUTEX_OP_ADD => old.wrapping_add(self.oparg),
            FUTEX_OP_OR => old | self.oparg,
            FUTEX_OP_ANDN => old & !self.oparg,
            FUTEX_OP_XOR => old ^ self.oparg,
            _ => return Err(Errno::ENOSYS),
        })
    }

    fn compare(self, old: u32) -> SysResult<bool> {
        let (old, arg) = (old as i32, self.cmparg);
        Ok(match self.cmp {
            FUTEX_OP_CMP_EQ => old == arg,
            FUTEX_OP_CMP_NE => old != arg,
            FUTEX_OP_CMP_LT => old < arg,
            FUTEX_OP_CMP_LE => old <= arg,
            FUTEX_OP_CMP_GT => old > arg,
            FUTEX_OP_CMP_GE => old >= arg,
            _ => return Err(Errno::ENOSYS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(op: u32, oparg: u32, cmp: u32, cmparg: u32) -> WakeOp {
        WakeOp::decode(op << 28 | cmp << 24 | (oparg & 0xfff) << 12 | cmparg & 0xfff)
    }

    #[test]
    fn decoding() {
        let op = packed(FUTEX_OP_ADD, -1i32 as u32, FUTEX_OP_CMP_GT, 1);
        assert_eq!((op.apply(5), op.compare(2), op.compare(1)), (Ok(4), Ok(true), Ok(false)));
        let op = packed(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 31, FUTEX_OP_CMP_LT, -3i32 as u32);
        assert_eq!((op.apply(1), op.compare(-4i32 as u32)), (Ok(1 << 31 | 1), Ok(true)));
        assert_eq!(packed(7, 0, 0, 0).apply(0), Err(Errno::ENOSYS));
        assert_eq!(packed(0, 0, 9, 0).compare(0), Err(Errno::ENOSYS));
    }
}
