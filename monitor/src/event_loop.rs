//! The event loop: takes requests, answers, sleeps when there is nothing to do.
//!
//! While requests come, the monitor spins briefly before it sleeps, so that a busy member's request costs no host call
//! on either side.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::event::epoll::EventFlags;

use crate::clock::monotonic_ns;
use crate::config::Config;
use crate::family::Family;
use crate::poller::Token;
use crate::serve::{drain, pump};
use crate::spin::Spin;
use crate::{control, host_signals, net, reserve, setup, streams, xen};

/// What nobody waits for is done when nothing has happened for so long, so that it is on nobody's way: a fork is several
/// questions with little time between them. Nothing waits where preparing ahead is cheap.
const QUIET_NS: u64 = 2_000_000;
/// How long host descriptors may wait while members keep the monitor busy.
const POLL_EVERY: Duration = Duration::from_micros(200);

/// Runs a family to its end; the exit code that a shell would give.
pub fn run(config: Config) -> Result<i32> {
    let signals = setup::prepare(config.platform)?;
    let listener = control::listen(&config.name)?;
    let mut fam = Family::new(config)?;
    fam.serve_clients(listener)?;
    let result = run_family(&mut fam, &signals);
    streams::restore(&mut fam);
    fam.end_all();
    net::finish(&mut fam);
    fam.flush_clients();
    fam.report_unknown_calls();
    result
}

fn run_family(fam: &mut Family, signals: &OwnedFd) -> Result<i32> {
    fam.poller.add(fam.events.doorbell(), Token::Doorbell, EventFlags::IN)?;
    fam.poller.add(signals, Token::Signals, EventFlags::IN)?;
    let deadline = fam.config.timeout.map(|t| Instant::now() + t);
    fam.published.set_trace(fam.trace.is_on());
    fam.published.set_awake(true);
    if let Some(code) = fam.start_first()? {
        return Ok(code);
    }
    let mut spin = Spin::new();
    let mut state = Loop { signals, deadline, ready: Vec::new(), interrupts: 0, quiet: false };
    let mut last_poll = Instant::now();
    loop {
        let worked = pump(fam) | xen::serve_watched(fam);
        state.quiet &= !worked;
        if let Some(code) = state.finished(fam) {
            return Ok(code);
        }
        if std::mem::take(&mut fam.suspended) {
            host_signals::suspend(fam);
        }
        // A member that rang asks again soon, of all that wakes the monitor.
        let lively = worked || !state.quiet && !fam.backend.is_hosted();
        if lively && spin.until_pending(fam) {
            if last_poll.elapsed() >= POLL_EVERY {
                state.poll(fam, Some(0))?;
                last_poll = Instant::now();
            }
        } else {
            state.sleep(fam)?;
            last_poll = Instant::now();
        }
    }
}

struct Loop<'a> {
    signals: &'a OwnedFd,
    deadline: Option<Instant>,
    ready: Vec<(Token, EventFlags)>,
    interrupts: u32,
    /// Nothing happened while the monitor slept last.
    quiet: bool,
}

impl Loop<'_> {
    /// The exit code, when the family is over.
    fn finished(&self, fam: &Family) -> Option<i32> {
        if let Some(status) = fam.ended {
            return Some(exit_code(status));
        }
        if let Some(signo) = host_signals::forced(self.interrupts) {
            return Some(128 + signo);
        }
        self.deadline.is_some_and(|d| Instant::now() >= d).then_some(124)
    }

    /// Handles ready host descriptors, waiting for at most so many nanoseconds.
    fn poll(&mut self, fam: &mut Family, timeout_ns: Option<u64>) -> Result<()> {
        let mut ready = std::mem::take(&mut self.ready);
        let waited = fam.poller.wait(timeout_ns, &mut ready);
        // From here on members need not ring the doorbell.
        fam.events.finish_sleep();
        fam.published.set_awake(true);
        waited?;
        self.quiet = ready.is_empty();
        for (token, flags) in ready.drain(..) {
            match token {
                Token::Doorbell => {
                    fam.events.clear_doorbell();
                    xen::doors_rang(fam);
                }
                Token::Signals => self.interrupts += host_signals::forward(fam, self.signals),
                Token::Member { slot, generation } => {
                    // Its last words first: an end that it told is no loss.
                    drain(fam, slot);
                    fam.host_ended(slot, generation);
                }
                Token::Net(id) => net::host_ready(fam, id, flags),
                Token::Stream(id) => streams::host_ready(fam, id, flags),
                Token::Control => fam.accept_client(),
                Token::Client(id) => fam.client_ready(id),
            }
        }
        self.ready = ready;
        xen::attend(fam);
        let now = monotonic_ns();
        if net::next_deadline(fam).is_some_and(|d| d <= now) {
            net::on_timer(fam, now);
        }
        if streams::next_deadline(fam).is_some_and(|d| d <= now) {
            streams::on_timer(fam, now);
        }
        fam.apply_pending();
        if fam.clients.tracing() {
            fam.flush_clients();
        }
        fam.events.flush();
        Ok(())
    }

    /// Sleeps until something happens.
    fn sleep(&mut self, fam: &mut Family) -> Result<()> {
        if (self.quiet || fam.backend.is_hosted()) && xen::do_chore(fam) {
            // A step at a time: a member's question at its door is no event.
            return self.poll(fam, Some(0));
        }
        reserve::fill();
        if fam.clients.tracing() {
            fam.flush_clients();
        }
        fam.published.set_awake(false);
        if xen::look_away(fam) && fam.events.prepare_sleep() {
            let chore = (!self.quiet && fam.backend.has_chores()).then_some(QUIET_NS);
            let timeout = self.next_timeout(fam).into_iter().chain(chore).min();
            return self.poll(fam, timeout);
        }
        fam.published.set_awake(true);
        Ok(())
    }

    fn next_timeout(&self, fam: &Family) -> Option<u64> {
        let others = [net::next_deadline(fam), streams::next_deadline(fam)];
        let others = others.into_iter().flatten().min().map(|d| d.saturating_sub(monotonic_ns()));
        let xen = xen::next_look(fam);
        let own = self.deadline.map(|d| d.saturating_duration_since(Instant::now()).as_nanos() as u64);
        others.into_iter().chain(own).chain(xen).min()
    }
}

/// The exit code that a shell gives for a wait status.
fn exit_code(status: u32) -> i32 {
    match status & 0x7f {
        0 => (status >> 8 & 0xff) as i32,
        signo => 128 + signo as i32,
    }
}
