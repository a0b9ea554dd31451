//! Dispositions: what a process does with each signal. Pure; sigaction(2).

use abi::errno::{Errno, SysResult};
use abi::signal::{
    DefaultAction, KernelSigAction, NSIG, SA_NOCLDSTOP, SA_NOCLDWAIT, SA_RESETHAND, SA_SUPPORTED, SIG_DFL,
    SIG_IGN, SIGCHLD, SigSet, default_action, is_valid,
};
use protocol::op::{CHILD_NO_STOP, CHILD_REAPED};

/// The dispositions of all signals.
#[derive(Clone, Debug)]
pub struct Actions([KernelSigAction; NSIG]);

impl Default for Actions {
    fn default() -> Self {
        Self([KernelSigAction::default(); NSIG])
    }
}

/// What to do with a signal that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    Ignore,
    Default(DefaultAction),
    Handler(KernelSigAction),
}

impl Actions {
    /// The disposition of a valid signal.
    pub fn get(&self, signo: i32) -> KernelSigAction {
        self.0[(signo - 1) as usize]
    }

    /// Sets a disposition; EINVAL for a number that is no signal, or cannot be caught.
    pub fn set(&mut self, signo: i32, mut action: KernelSigAction) -> SysResult<()> {
        if !is_valid(signo) || SigSet::UNBLOCKABLE.contains(signo) {
            return Err(Errno::EINVAL);
        }
        action.flags &= SA_SUPPORTED;
        action.mask = action.mask.difference(SigSet::UNBLOCKABLE);
        self.0[(signo - 1) as usize] = action;
        Ok(())
    }

    /// True when the signal, if sent and not blocked, would do nothing.
    pub fn ignores(&self, signo: i32) -> bool {
        match self.get(signo).handler {
            SIG_IGN => true,
            SIG_DFL => matches!(default_action(signo), DefaultAction::Ign | DefaultAction::Cont),
            _ => false,
        }
    }

    /// Signals whose disposition is SIG_IGN; exec keeps them.
    pub fn ignored(&self) -> SigSet {
        (1..=NSIG as i32)
            .filter(|s| self.get(*s).handler == SIG_IGN)
            .fold(SigSet::EMPTY, |set, s| set.with(s))
    }

    /// Signals that have a handler.
    pub fn caught(&self) -> SigSet {
        (1..=NSIG as i32)
            .filter(|s| ![SIG_DFL, SIG_IGN].contains(&self.get(*s).handler))
            .fold(SigSet::EMPTY, |set, s| set.with(s))
    }

    /// What to do with a signal that was taken; a handler with SA_RESETHAND is forgotten by that.
    pub fn react(&mut self, signo: i32) -> Reaction {
        let action = self.get(signo);
        match action.handler {
            SIG_IGN => Reaction::Ignore,
            SIG_DFL => Reaction::Default(default_action(signo)),
            _ => {
                if action.flags & SA_RESETHAND != 0 {
                    self.0[(signo - 1) as usize].handler = SIG_DFL;
                }
                Reaction::Handler(action)
            }
        }
    }

    /// A fault's signal that is blocked or ignored takes its default action.
    pub fn make_default(&mut self, signo: i32) {
        self.0[(signo - 1) as usize].handler = SIG_DFL;
    }

    /// exec: caught signals become default, ignored ones stay so; or all become default (CLONE_CLEAR_SIGHAND keeps the
    /// ignored ones too).
    pub fn reset(&mut self) {
        for a in &mut self.0 {
            let keep = a.handler == SIG_IGN;
            *a = KernelSigAction { handler: if keep { SIG_IGN } else { SIG_DFL }, ..Default::default() };
        }
    }

    /// A fresh program's dispositions: the given signals are ignored.
    pub fn boot(ignored: SigSet) -> Self {
        let mut all = Self::default();
        for signo in ignored.difference(SigSet::UNBLOCKABLE).iter() {
            all.0[(signo - 1) as usize].handler = SIG_IGN;
        }
        all
    }

    /// How SIGCHLD is taken, as `Op::SetAttr` tells the monitor.
    pub fn child_flags(&self) -> u64 {
        let a = self.get(SIGCHLD);
        let reaped = a.handler == SIG_IGN || a.flags & SA_NOCLDWAIT != 0;
        (if reaped { CHILD_REAPED } else { 0 })
            | (if a.flags & SA_NOCLDSTOP != 0 { CHILD_NO_STOP } else { 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::signal::*;

    #[test]
    fn dispositions() {
        let mut a = Actions::default();
        assert_eq!(a.set(SIGKILL, KernelSigAction::default()), Err(Errno::EINVAL));
        assert_eq!(a.set(65, KernelSigAction::default()), Err(Errno::EINVAL));
        let once = KernelSigAction {
            handler: 0x1000,
            flags: SA_RESETHAND | 0x800,
            mask: SigSet::FULL,
            ..Default::default()
        };
        a.set(SIGINT, once).unwrap();
        assert!(!a.get(SIGINT).mask.contains(SIGKILL));
        assert_eq!(a.get(SIGINT).flags, SA_RESETHAND);
        assert!(matches!(a.react(SIGINT), Reaction::Handler(h) if h.handler == 0x1000));
        assert_eq!(a.react(SIGINT), Reaction::Default(DefaultAction::Term));
        assert!(a.ignores(SIGCHLD) && a.ignores(SIGCONT) && !a.ignores(SIGTSTP));
    }

    #[test]
    fn exec_keeps_what_is_ignored() {
        let mut a = Actions::boot(SigSet::of(SIGHUP).with(SIGKILL));
        a.set(SIGCHLD, KernelSigAction { handler: 0x1000, flags: SA_NOCLDWAIT, ..Default::default() })
            .unwrap();
        assert_eq!(a.child_flags(), CHILD_REAPED);
        a.reset();
        assert_eq!(a.ignored(), SigSet::of(SIGHUP));
        assert_eq!(a.child_flags(), 0);
    }
}
