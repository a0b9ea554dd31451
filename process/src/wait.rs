//! Waiting for children: wait4(2), waitid(2).

use abi::errno::{Errno, SysResult};
use abi::process::WNOHANG;
use protocol::{EV_RETRY, Op};

use crate::kernel::kernel;
use crate::wait_on::{Waiter, Wake};

/// A child that changed, as the monitor tells it. Times in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Child {
    pub pid: u32,
    pub status: u32,
    pub uid: u32,
    pub user: u64,
    pub system: u64,
    pub max_rss_kib: u64,
    pub minor_faults: u64,
}

/// Waits for a child that `selector` (as wait4's pid) and `options` name. `None`: WNOHANG and nothing changed.
pub fn wait(selector: i64, options: u32) -> SysResult<Option<Child>> {
    let k = kernel();
    let waiter = Waiter::new(&[EV_RETRY]);
    loop {
        match k.host.call(Op::Wait, &[selector as u64, options.into()]) {
            Ok(a) => {
                return Ok(Some(Child {
                    pid: a.ret() as u32,
                    status: a.value(0) as u32,
                    uid: a.value(1) as u32,
                    user: a.value(2),
                    system: a.value(3),
                    max_rss_kib: a.value(4),
                    minor_faults: a.value(5),
                }));
            }
            Err(Errno::EAGAIN) if options & WNOHANG != 0 => return Ok(None),
            Err(Errno::EAGAIN) => {
                if waiter.sleep(None, true) == Wake::Interrupted {
                    return Err(Errno::ERESTARTSYS);
                }
            }
            Err(e) => return Err(e),
        }
    }
}
