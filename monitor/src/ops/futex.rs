//! Requests on futexes in shared memory.

use abi::Errno;
use protocol::Op;
use protocol::inbox::Message;

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::futex::{Place, Waiter};
use crate::regions::RegionId;

/// Carries out one of them.
pub fn handle(fam: &mut Family, op: Op, call: &Call) -> OpResult {
    let place = place(fam, call, 0)?;
    match op {
        Op::FutexWait => {
            let waiter = Waiter {
                slot: call.slot,
                pid: call.pid,
                tid: call.req.tid,
                bitset: call.arg32(2)?,
                registered: place,
            };
            if fam.futexes.register(waiter) { Answer::ok() } else { Err(Errno::ENOMEM) }
        }
        Op::FutexWake => Ok(Answer::value(wake(fam, place, call.arg(2), call.arg32(3)?))),
        Op::FutexCancel => {
            let waited = fam.futexes.cancel(place, call.pid, call.req.tid);
            Ok(Answer::value(u32::from(!waited)))
        }
        Op::FutexRequeue => {
            let to = self::place(fam, call, 4)?;
            let woken = wake(fam, place, call.arg(2), u32::MAX);
            let moved = fam.futexes.requeue(place, to, call.arg(3));
            Ok(Answer::value(woken).with_ret(0, moved))
        }
        _ => Err(Errno::ENOSYS),
    }
}

/// Arguments `i` and `i + 1`: a word in a region that the member has.
fn place(fam: &Family, call: &Call, i: usize) -> Result<Place, Errno> {
    let region = RegionId(call.arg(i));
    if !fam.regions.is_attached(region, call.slot) || !call.arg(i + 1).is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    Ok((region, call.arg(i + 1)))
}

fn wake(fam: &mut Family, place: Place, count: u64, bitset: u32) -> u64 {
    let woken = fam.futexes.wake(place, count, bitset);
    let n = woken.len() as u64;
    for w in woken {
        let (RegionId(region), offset) = w.registered;
        // Only signals are ever refused.
        let _ = fam.send(w.slot, Message::FutexWake { region, offset, tid: w.tid });
    }
    n
}
