//! Ends, stops and continuations, and what parents and children hear of them.

use abi::Errno;
use abi::signal::{
    CLD_CONTINUED, CLD_DUMPED, CLD_EXITED, CLD_KILLED, CLD_STOPPED, SI_KERNEL, SIGCHLD, SIGCONT, SIGSTOP,
};

use super::{Effect, INIT_PID, ProcTable, Process, Signal, State, Times};

/// `si_code` and `si_status` of the SIGCHLD for a wait status.
pub fn child_code(status: u32) -> (i32, i32) {
    match (status & 0x7f, status & 0x80 != 0) {
        (0, _) => (CLD_EXITED, (status >> 8 & 0xff) as i32),
        (signo, false) => (CLD_KILLED, signo as i32),
        (signo, true) => (CLD_DUMPED, signo as i32),
    }
}

impl ProcTable {
    /// `pid` ended with a wait status. Its children get another parent, its parent hears of it; it stays as a zombie
    /// unless nobody will wait for it. ESRCH when it has ended already.
    pub fn exit(
        &mut self,
        pid: u32,
        status: u32,
        times: Times,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Errno> {
        let p = self.get_mut(pid).and_then(|p| if p.alive() { Ok(p) } else { Err(Errno::ESRCH) })?;
        p.state = State::Zombie(status);
        p.slot = 0;
        p.times = times;
        p.stop_unreported = false;
        p.continue_unreported = false;
        let (sid, ppid) = (p.sid, p.ppid);
        self.abandon_children(pid, effects);
        if sid == pid {
            effects.push(Effect::SessionEnded(sid));
        }
        self.hang_up_if_orphaned(pid, ppid, Some(pid), effects);
        self.tell_end(pid, effects);
        Ok(())
    }

    /// The nearest living ancestor that is a subreaper, or init; prctl(2), PR_SET_CHILD_SUBREAPER.
    fn reaper_for(&self, pid: u32) -> u32 {
        let mut at = pid;
        while let Ok(p) = self.get(at) {
            at = p.ppid;
            if self.get(at).is_ok_and(|a| a.subreaper && a.alive()) {
                return at;
            }
        }
        INIT_PID
    }

    fn abandon_children(&mut self, pid: u32, effects: &mut Vec<Effect>) {
        let reaper = self.reaper_for(pid);
        let children: Vec<u32> = self.children(pid).map(|c| c.pid).collect();
        for child in children {
            let Ok(c) = self.get_mut(child) else { continue };
            c.ppid = reaper;
            c.exit_signal = SIGCHLD as u32;
            effects.push(Effect::Identity(child));
            if !c.alive() {
                self.tell_end(child, effects);
                continue;
            }
            let signo = c.pdeath_signal;
            if signo != 0 {
                effects.push(Effect::Signal(Signal {
                    target: child,
                    signo,
                    code: SI_KERNEL,
                    pid,
                    ..Signal::default()
                }));
            }
            self.hang_up_if_orphaned(child, pid, None, effects);
        }
    }

    /// Tells the parent of a zombie, or removes the zombie when the parent will not wait: SIGCHLD ignored or with
    /// SA_NOCLDWAIT, sigaction(2); init always.
    fn tell_end(&mut self, pid: u32, effects: &mut Vec<Effect>) {
        let Ok(p) = self.get(pid) else { return };
        let State::Zombie(status) = p.state else { return };
        let (ppid, exit_signal) = (p.ppid, p.exit_signal);
        let (code, si_status) = child_code(status);
        if exit_signal != 0 {
            effects.push(Effect::Signal(child_signal(p, exit_signal, code, si_status)));
        }
        let auto_reap = exit_signal == SIGCHLD as u32 && self.get(ppid).is_ok_and(|parent| parent.auto_reap);
        if ppid == INIT_PID || auto_reap {
            self.reap(pid, effects);
        }
        effects.push(Effect::ChildChanged(ppid));
    }

    /// Removes a zombie.
    pub(super) fn reap(&mut self, pid: u32, effects: &mut Vec<Effect>) {
        self.map.remove(&pid);
        effects.push(Effect::Reaped(pid));
    }

    /// `pid` parked itself because of `signo`. False when its group is orphaned and the signal came from a terminal: then
    /// nobody could continue it, and it must go on; POSIX, "Signal actions".
    pub fn stopped(&mut self, pid: u32, signo: u32, effects: &mut Vec<Effect>) -> Result<bool, Errno> {
        let p = self.get(pid)?;
        if !p.alive() {
            return Err(Errno::ESRCH);
        }
        if signo != SIGSTOP as u32 && self.is_orphaned(p.pgid, None) {
            return Ok(false);
        }
        let p = self.get_mut(pid)?;
        p.state = State::Stopped(signo);
        p.stop_unreported = true;
        p.continue_unreported = false;
        self.tell_stop(pid, CLD_STOPPED, signo as i32, effects);
        Ok(true)
    }

    /// `pid` goes on after a stop (nothing happens when it was not stopped).
    pub fn continued(&mut self, pid: u32, effects: &mut Vec<Effect>) -> Result<(), Errno> {
        let p = self.get_mut(pid)?;
        if let State::Stopped(_) = p.state {
            p.state = State::Running;
            p.stop_unreported = false;
            p.continue_unreported = true;
            self.tell_stop(pid, CLD_CONTINUED, SIGCONT, effects);
        }
        Ok(())
    }

    fn tell_stop(&self, pid: u32, code: i32, status: i32, effects: &mut Vec<Effect>) {
        let Ok(p) = self.get(pid) else { return };
        if self.get(p.ppid).is_ok_and(|parent| !parent.no_stop_signals) {
            effects.push(Effect::Signal(child_signal(p, SIGCHLD as u32, code, status)));
        }
        effects.push(Effect::ChildChanged(p.ppid));
    }
}

fn child_signal(p: &Process, signo: u32, code: i32, status: i32) -> Signal {
    Signal { target: p.ppid, tid: 0, signo, code, pid: p.pid, uid: p.creds.ruid, value: 0, status }
}
