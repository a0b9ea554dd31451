//! wait4(2), waitid(2): which child to report.

use abi::process::{__WALL, __WCLONE, WCONTINUED, WEXITED, WNOWAIT, WUNTRACED};
use abi::signal::SIGCHLD;

use super::{Effect, ProcTable, Process, State, Times};

/// A child to report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    pub pid: u32,
    /// As wait4 stores it.
    pub status: u32,
    pub uid: u32,
    pub times: Times,
    /// What its own waited-for children used.
    pub child_times: Times,
}

/// What a wait finds at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Found(Found),
    /// There are children that may come to match.
    NotYet,
    /// There are none.
    NoChild,
}

impl ProcTable {
    /// A child of `parent` that matches `selector` (as wait4's pid) and has news of the kinds in `options`.
    pub fn wait(&mut self, parent: u32, selector: i64, options: u32, effects: &mut Vec<Effect>) -> Waited {
        let Ok(me) = self.get(parent) else { return Waited::NoChild };
        let own_group = me.pgid;
        let matches = |p: &Process| {
            let by_pid = match selector {
                -1 => true,
                0 => p.pgid == own_group,
                n if n > 0 => i64::from(p.pid) == n,
                n => u64::from(p.pgid) == n.unsigned_abs(),
            };
            by_pid && clone_kind_matches(p, options)
        };
        let mut any = false;
        let mut found = None;
        for p in self.children(parent).filter(|p| matches(p)) {
            any = true;
            if let Some(status) = news(p, options) {
                found = Some((p.pid, status));
                break;
            }
        }
        match found {
            Some((pid, status)) => self.report(parent, pid, status, options, effects),
            None if any => Waited::NotYet,
            None => Waited::NoChild,
        }
    }

    fn report(
        &mut self,
        parent: u32,
        pid: u32,
        status: u32,
        options: u32,
        effects: &mut Vec<Effect>,
    ) -> Waited {
        let Ok(p) = self.get_mut(pid) else { return Waited::NoChild };
        let (times, child_times) = (p.times, p.child_times);
        let found = Found { pid, status, uid: p.creds.ruid, times, child_times };
        if options & WNOWAIT == 0 {
            p.stop_unreported = false;
            p.continue_unreported = false;
            if !p.alive() {
                self.reap(pid, effects);
                if let Ok(me) = self.get_mut(parent) {
                    me.child_times.add(&times);
                    me.child_times.add(&child_times);
                }
                // Another wait of the parent may be left without children.
                effects.push(Effect::ChildChanged(parent));
            }
        }
        Waited::Found(found)
    }
}

/// A child that does not announce its end by SIGCHLD is a "clone child", seen with __WCLONE or __WALL only.
fn clone_kind_matches(p: &Process, options: u32) -> bool {
    options & __WALL != 0 || (options & __WCLONE != 0) == (p.exit_signal != SIGCHLD as u32)
}

/// The wait status that a child has to report.
fn news(p: &Process, options: u32) -> Option<u32> {
    match p.state {
        State::Zombie(status) if options & WEXITED != 0 => Some(status),
        State::Stopped(signo) if options & WUNTRACED != 0 && p.stop_unreported => Some(signo << 8 | 0x7f),
        State::Running if options & WCONTINUED != 0 && p.continue_unreported => Some(0xffff),
        _ => None,
    }
}
