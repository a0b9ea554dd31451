//! Messages to members: signals, continuations, futex wake-ups. A full inbox delays a message, never loses one.

use abi::Errno;
use abi::signal::{SIGCONT, SIGKILL, SIGRTMIN};
use protocol::EV_INBOX;
use protocol::inbox::{self, Message};

use crate::family::Family;
use crate::members::Member;
use crate::procs::{Effect, Signal};
use crate::retry::RetryKey;
use crate::{pidfd, streams};
use protocol::family::ProcIds;

/// Messages that are kept for one member; then signals are refused with EAGAIN, as RLIMIT_SIGPENDING does. Other
/// messages are bounded by what they answer.
const OVERFLOW: usize = 4096;

impl Family {
    /// Carries out what changes of the process table ask for.
    pub fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                // The sender cannot be told of a full queue here; Linux drops such a signal too.
                Effect::Signal(signal) => drop(self.send_signal(signal)),
                Effect::ChildChanged(pid) => self.retry_all(RetryKey::Child(pid)),
                Effect::Identity(pid) => self.publish_ids(pid),
                Effect::SessionEnded(sid) => streams::session_ended(self, sid),
                Effect::Reaped(pid) => pidfd::process_reaped(self, pid),
            }
        }
    }

    /// Carries out what handlers left in `effects`.
    pub fn apply_pending(&mut self) {
        while !self.effects.is_empty() {
            let effects = std::mem::take(&mut self.effects);
            self.apply(effects);
        }
        crate::xen::tell_cuts(self);
    }

    /// Publishes a process's identity for its member.
    pub fn publish_ids(&self, pid: u32) {
        let Ok(p) = self.procs.get(pid) else { return };
        if self.members.get(p.slot).is_some_and(|m| m.main == pid) {
            let ids = ProcIds { pid, ppid: p.ppid, pgid: p.pgid, sid: p.sid };
            self.published.set_proc(p.slot, ids);
        }
    }

    /// Routes a signal. Nothing happens to init and to zombies. EAGAIN: too many are queued.
    pub fn send_signal(&mut self, s: Signal) -> Result<(), Errno> {
        let Ok(p) = self.procs.get(s.target) else { return Ok(()) };
        let slot = p.slot;
        if slot == 0 || s.signo == 0 {
            return Ok(());
        }
        if s.signo == SIGKILL as u32 && self.kill_member_of(s.target) {
            return Ok(());
        }
        if s.signo == SIGCONT as u32 {
            self.send(slot, Message::Continue { target: s.target })?;
            let mut effects = Vec::new();
            // The target exists, so this cannot fail.
            let _ = self.procs.continued(s.target, &mut effects);
            self.apply(effects);
        }
        self.send(
            slot,
            Message::Signal {
                target: s.target,
                tid: s.tid,
                signo: s.signo,
                code: s.code,
                pid: s.pid,
                uid: s.uid,
                value: s.value,
                status: s.status,
            },
        )
    }

    /// SIGKILL is carried out on the VM. False for a vfork child: its kernel ends it.
    fn kill_member_of(&mut self, pid: u32) -> bool {
        let Ok(p) = self.procs.get(pid) else { return false };
        match self.members.get_mut(p.slot) {
            Some(m) if m.main == pid => {
                m.doomed = true;
                if let Some(vm) = &m.vm {
                    self.backend.kill(vm);
                }
                true
            }
            _ => false,
        }
    }

    /// Puts a message into a member's inbox and makes the member look.
    pub fn send(&mut self, slot: u32, message: Message) -> Result<(), Errno> {
        self.flush_overflow(slot);
        let Some(m) = self.members.get_mut(slot) else { return Ok(()) };
        if !m.overflow.is_empty() || !inbox::push(&*m.control, &message) {
            if is_queued_already(m, &message) {
                return Ok(());
            }
            if m.overflow.len() >= OVERFLOW && matches!(message, Message::Signal { .. }) {
                return Err(Errno::EAGAIN);
            }
            m.overflow.push_back(message);
        }
        self.alert(slot);
        Ok(())
    }

    /// Makes a member look at its inbox: asleep by an event, otherwise by a kick.
    fn alert(&self, slot: u32) {
        if !self.events.post(slot, EV_INBOX)
            && let Some(vm) = self.members.get(slot).and_then(|m| m.vm.as_ref())
        {
            self.backend.kick(vm);
        }
    }

    /// Puts delayed messages into an inbox that has room again.
    pub fn flush_overflow(&mut self, slot: u32) {
        let Some(m) = self.members.get_mut(slot) else { return };
        let mut moved = false;
        while let Some(message) = m.overflow.front() {
            if !inbox::push(&*m.control, message) {
                break;
            }
            m.overflow.pop_front();
            moved = true;
        }
        if moved {
            self.alert(slot);
        }
    }

    /// A clone's VM became known: it may have been sent signals before.
    pub fn kick_new(&mut self, slot: u32) {
        if let Some(m) = self.members.get(slot)
            && let Some(vm) = &m.vm
        {
            if m.doomed {
                self.backend.kill(vm);
            } else if inbox::is_pending(&*m.control) {
                self.backend.kick(vm);
            }
        }
    }
}

/// A standard signal that is pending is not queued a second time; signal(7).
fn is_queued_already(m: &Member, message: &Message) -> bool {
    let key = |m: &Message| match *m {
        Message::Signal { target, tid, signo, .. } if signo < SIGRTMIN as u32 => Some((target, tid, signo)),
        _ => None,
    };
    key(message).is_some_and(|k| m.overflow.iter().any(|o| key(o) == Some(k)))
}
