//! Requests on how processes want to be scheduled.

use abi::Errno;
use abi::process::CAP_SYS_NICE;
use protocol::op::sched;

use crate::call::{Answer, Call, OpResult};
use crate::family::Family;

/// Carries out one of them.
pub fn handle(fam: &mut Family, call: &Call) -> OpResult {
    let (which, who) = (call.arg32(1)?, call.arg32(2)?);
    // A member's word for its capability counts only with the user id that has it.
    let capable = call.arg(5) != 0 && fam.procs.get(call.pid)?.creds.has(CAP_SYS_NICE);
    match call.arg(0) {
        sched::GET => {
            let s = fam.procs.get(or_self(call, who))?.schedule;
            Ok(Answer::default()
                .with_ret(0, s.policy.into())
                .with_ret(1, s.priority.into())
                .with_ret(2, s.reset_on_fork.into())
                .with_ret(3, i64::from(s.nice) as u64))
        }
        sched::SET => {
            let caller = fam.procs.get(call.pid)?.creds.clone();
            let p = fam.procs.get_mut(or_self(call, who))?;
            let (policy, priority) = (call.arg32(3)?, call.arg32(4)?);
            p.set_policy(&caller, capable, policy, priority, call.arg(6) != 0)?;
            Answer::ok()
        }
        sched::GET_NICE => {
            let pids = fam.procs.named(call.pid, which, who)?;
            let lowest =
                pids.iter().filter_map(|pid| fam.procs.get(*pid).ok()).map(|p| p.schedule.nice).min();
            Ok(Answer::value(20 - lowest.ok_or(Errno::ESRCH)?))
        }
        sched::SET_NICE => {
            let pids = fam.procs.named(call.pid, which, who)?;
            fam.procs.set_nice(call.pid, capable, &pids, call.arg(3) as i64 as i32)?;
            Answer::ok()
        }
        sched::GET_IO => {
            let pids = fam.procs.named(call.pid, which, who)?;
            // The lowest number is the highest priority.
            let best =
                pids.iter().filter_map(|pid| fam.procs.get(*pid).ok()).map(|p| p.schedule.ioprio).min();
            Ok(Answer::value(best.ok_or(Errno::ESRCH)?))
        }
        sched::SET_IO => {
            let caller = fam.procs.get(call.pid)?.creds.clone();
            for pid in fam.procs.named(call.pid, which, who)? {
                let p = fam.procs.get_mut(pid)?;
                if !capable && !p.schedulable_by(&caller) {
                    return Err(Errno::EPERM);
                }
                p.schedule.ioprio = call.arg32(3)?;
            }
            Answer::ok()
        }
        _ => Err(Errno::EINVAL),
    }
}

fn or_self(call: &Call, pid: u32) -> u32 {
    if pid == 0 { call.pid } else { pid }
}
