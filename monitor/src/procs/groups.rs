//! Process groups and sessions: setpgid(2), setsid(2), credentials(7), and orphaned groups (POSIX 2.4, 3.264).

use abi::Errno;
use abi::signal::{SI_KERNEL, SIGCONT, SIGHUP};

use super::{Effect, FIRST_PID, INIT_PID, ProcTable, Process, Signal, State};

impl ProcTable {
    /// Living and dead members of a group.
    pub fn group(&self, pgid: u32) -> impl Iterator<Item = &Process> {
        self.map.values().filter(move |p| p.pgid == pgid)
    }

    /// setpgid(2): `caller` moves `pid` (itself or a child) to group `pgid`; 0 stands for the caller and the pid.
    pub fn set_pgid(
        &mut self,
        caller: u32,
        pid: u32,
        pgid: u32,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Errno> {
        let pid = if pid == 0 { caller } else { pid };
        let pgid = if pgid == 0 { pid } else { pgid };
        if pgid > i32::MAX as u32 {
            return Err(Errno::EINVAL);
        }
        let me = self.get(caller)?;
        let p = self.get(pid)?;
        if pid != caller {
            if p.ppid != caller || !p.alive() {
                return Err(Errno::ESRCH);
            }
            if p.sid != me.sid {
                return Err(Errno::EPERM);
            }
            if p.execed {
                return Err(Errno::EACCES);
            }
        }
        if p.sid == pid {
            return Err(Errno::EPERM);
        }
        if pgid != pid && !self.group(pgid).any(|q| q.sid == me.sid) {
            return Err(Errno::EPERM);
        }
        self.get_mut(pid)?.pgid = pgid;
        effects.push(Effect::Identity(pid));
        // A wait for a group may have lost or won a candidate.
        effects.push(Effect::ChildChanged(self.get(pid)?.ppid));
        Ok(())
    }

    /// setsid(2): the caller leads a new session and group; EPERM for the leader of a group.
    pub fn set_sid(&mut self, pid: u32, effects: &mut Vec<Effect>) -> Result<u32, Errno> {
        if self.group(pid).next().is_some() {
            return Err(Errno::EPERM);
        }
        let p = self.get_mut(pid)?;
        p.sid = pid;
        p.pgid = pid;
        effects.push(Effect::Identity(pid));
        Ok(pid)
    }

    /// True when no member of the group has a parent in the same session but another group: nobody could continue it
    /// after a stop. `ignored` does not count. Init is nobody's shell but the first program's.
    pub fn is_orphaned(&self, pgid: u32, ignored: Option<u32>) -> bool {
        !self.group(pgid).any(|p| {
            p.alive()
                && Some(p.pid) != ignored
                && (p.ppid != INIT_PID || p.pid == FIRST_PID)
                && self.get(p.ppid).is_ok_and(|parent| parent.pgid != pgid && parent.sid == p.sid)
        })
    }

    /// When the end of `parent` (or of `pid` itself, with `ignored`) leaves `pid`'s group orphaned and some member is
    /// stopped, the group gets SIGHUP and SIGCONT; exit(3), "Consequences of process termination".
    pub(super) fn hang_up_if_orphaned(
        &self,
        pid: u32,
        parent: u32,
        ignored: Option<u32>,
        effects: &mut Vec<Effect>,
    ) {
        let (Ok(p), Ok(parent)) = (self.get(pid), self.get(parent)) else { return };
        if parent.pgid == p.pgid || parent.sid != p.sid || !self.is_orphaned(p.pgid, ignored) {
            return;
        }
        if !self.group(p.pgid).any(|q| matches!(q.state, State::Stopped(_))) {
            return;
        }
        for signo in [SIGHUP, SIGCONT] {
            for q in self.group(p.pgid).filter(|q| q.alive()) {
                let code = SI_KERNEL;
                effects.push(Effect::Signal(Signal {
                    target: q.pid,
                    signo: signo as u32,
                    code,
                    ..Signal::default()
                }));
            }
        }
    }
}
