//! wait4(2), waitid(2).

use abi::Errno;

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::procs::Waited;
use crate::retry::RetryKey;

/// Answers at once: a child's status, ECHILD, or EAGAIN and a later `EV_RETRY`.
pub fn handle(fam: &mut Family, call: &Call) -> OpResult {
    let mut effects = Vec::new();
    let waited = fam.procs.wait(call.pid, call.arg(0) as i64, call.arg(1) as u32, &mut effects);
    fam.apply(effects);
    match waited {
        Waited::Found(f) => Ok(Answer::value(f.pid)
            .with_ret(0, f.status.into())
            .with_ret(1, f.uid.into())
            .with_ret(2, f.times.user_ns)
            .with_ret(3, f.times.system_ns)
            .with_ret(4, f.times.max_rss_kib)
            .with_ret(5, f.times.minor_faults)
            .with_ret(6, f.child_times.user_ns)
            .with_ret(7, f.child_times.system_ns)),
        Waited::NotYet => {
            fam.retry.note(RetryKey::Child(call.pid), call.slot);
            Err(Errno::EAGAIN)
        }
        Waited::NoChild => Err(Errno::ECHILD),
    }
}
