//! How a process wants to be scheduled: sched(7), getpriority(2), ioprio_get(2). The values are kept for who asks, whoever
//! it is; the host's scheduler is not told.

use abi::Errno;
use abi::process::{
    PRIO_PGRP, PRIO_PROCESS, PRIO_USER, RLIMIT_NICE, RLIMIT_RTPRIO, SCHED_BATCH, SCHED_FIFO, SCHED_IDLE,
    SCHED_OTHER, SCHED_RR,
};

use super::{Creds, ProcTable, Process};

/// Highest priority of the real-time policies.
const RT_MAX: u32 = 99;

/// The attributes of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub policy: u32,
    pub priority: u32,
    /// SCHED_RESET_ON_FORK.
    pub reset_on_fork: bool,
    pub nice: i32,
    pub ioprio: u32,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { policy: SCHED_OTHER, priority: 0, reset_on_fork: false, nice: 0, ioprio: 0 }
    }
}

impl Schedule {
    /// A child's.
    pub fn for_child(&self) -> Self {
        if !self.reset_on_fork {
            return *self;
        }
        if [SCHED_FIFO, SCHED_RR].contains(&self.policy) {
            return Self { ioprio: self.ioprio, ..Self::default() };
        }
        Self { reset_on_fork: false, nice: self.nice.max(0), ..*self }
    }

    /// Checks a policy and its priority; EINVAL.
    pub fn check(policy: u32, priority: u32) -> Result<(), Errno> {
        let fits = match policy {
            SCHED_FIFO | SCHED_RR => (1..=RT_MAX).contains(&priority),
            SCHED_OTHER | SCHED_BATCH | SCHED_IDLE => priority == 0,
            _ => false,
        };
        if fits { Ok(()) } else { Err(Errno::EINVAL) }
    }
}

impl Process {
    fn limit(&self, resource: u32) -> u64 {
        self.rlimits.get(resource as usize).map_or(u64::MAX, |limit| limit.0)
    }

    /// Whether a process with these credentials may change this one's scheduling.
    pub fn schedulable_by(&self, caller: &Creds) -> bool {
        [self.creds.ruid, self.creds.euid].contains(&caller.euid)
    }

    /// sched_setscheduler(2), "Privileges and resource limits".
    pub fn set_policy(
        &mut self,
        caller: &Creds,
        capable: bool,
        policy: u32,
        priority: u32,
        reset_on_fork: bool,
    ) -> Result<(), Errno> {
        Schedule::check(policy, priority)?;
        let old = self.schedule;
        if !capable {
            let real_time = [SCHED_FIFO, SCHED_RR].contains(&policy);
            let raises =
                real_time && priority > old.priority && u64::from(priority) > self.limit(RLIMIT_RTPRIO);
            let unresets = old.reset_on_fork && !reset_on_fork;
            if raises || unresets || !self.schedulable_by(caller) {
                return Err(Errno::EPERM);
            }
        }
        self.schedule = Schedule { policy, priority, reset_on_fork, ..old };
        Ok(())
    }

    /// setpriority(2) on one process.
    fn set_nice(&mut self, caller: &Creds, capable: bool, nice: i32) -> Result<(), Errno> {
        let nice = nice.clamp(-20, 19);
        if !capable {
            if !self.schedulable_by(caller) {
                return Err(Errno::EPERM);
            }
            if nice < self.schedule.nice && (20 - nice) as u64 > self.limit(RLIMIT_NICE) {
                return Err(Errno::EACCES);
            }
        }
        self.schedule.nice = nice;
        Ok(())
    }
}

impl ProcTable {
    /// The processes that getpriority(2) and ioprio_get(2) name by `which` and `who` (0: the caller's own); ESRCH, EINVAL.
    pub fn named(&self, caller: u32, which: u32, who: u32) -> Result<Vec<u32>, Errno> {
        let me = self.get(caller)?;
        let or_own = |own: u32| if who == 0 { own } else { who };
        let pids: Vec<u32> = match which as i32 {
            PRIO_PROCESS => self.get(or_own(caller)).map(|p| vec![p.pid])?,
            PRIO_PGRP => {
                let group = or_own(me.pgid);
                self.iter().filter(|p| p.pgid == group).map(|p| p.pid).collect()
            }
            PRIO_USER => {
                let user = or_own(me.creds.ruid);
                self.iter().filter(|p| p.alive() && p.creds.ruid == user).map(|p| p.pid).collect()
            }
            _ => return Err(Errno::EINVAL),
        };
        if pids.is_empty() { Err(Errno::ESRCH) } else { Ok(pids) }
    }

    /// setpriority(2): all that can be changed are; the last refusal is told.
    pub fn set_nice(&mut self, caller: u32, capable: bool, pids: &[u32], nice: i32) -> Result<(), Errno> {
        let creds = self.get(caller)?.creds.clone();
        let mut outcome = Ok(());
        for pid in pids {
            if let Err(e) = self.get_mut(*pid)?.set_nice(&creds, capable, nice) {
                outcome = Err(e);
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_and_priorities() {
        let s = Schedule { policy: SCHED_FIFO, priority: 5, nice: -3, ..Schedule::default() };
        assert_eq!(s.for_child(), s);
        assert_eq!(Schedule { reset_on_fork: true, ..s }.for_child(), Schedule::default());
        assert_eq!(Schedule::check(SCHED_FIFO, 0), Err(Errno::EINVAL));
        assert_eq!(Schedule::check(SCHED_RR, 99), Ok(()));
        assert_eq!(Schedule::check(SCHED_OTHER, 1), Err(Errno::EINVAL));
        assert_eq!(Schedule::check(77, 0), Err(Errno::EINVAL));
    }

    #[test]
    fn groups_and_users() {
        let mut table = ProcTable::default();
        let root = table.insert_first(Creds::default(), 1);
        let child = table.fork(root, false, 2, 0, 0).expect("forked");
        table.get_mut(child).expect("there").creds = Creds::new(7, 7, vec![]);
        assert_eq!(table.named(root, PRIO_PGRP as u32, 0), Ok(vec![root, child]));
        assert_eq!(table.named(child, PRIO_USER as u32, 0), Ok(vec![child]));
        assert_eq!(table.named(root, PRIO_PROCESS as u32, 4711), Err(Errno::ESRCH));
        assert_eq!(table.named(root, 3, 0), Err(Errno::EINVAL));
        assert_eq!(table.set_nice(child, false, &[root], 5), Err(Errno::EPERM));
        assert_eq!(table.set_nice(root, true, &[root, child], -5), Ok(()));
        assert_eq!(table.get(child).map(|p| p.schedule.nice), Ok(-5));
    }
}
