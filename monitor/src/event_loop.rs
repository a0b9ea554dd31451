//! The event loop: takes requests, answers, sleeps when there is nothing to do.
//!
//! While requests come, the monitor spins briefly before it sleeps, so that a busy member's request costs no host call
//! on either side.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::Result;
use protocol::control::{NOREPLY, RegionRef, Reply, SLOT_DATA, data_at};
use protocol::hosted::SOCK_REGION;
use protocol::{EV_REPLY, FIRST_OBJECT, MAX_MEMBERS, MonitorSide, SharedMem};
use rustix::event::epoll::EventFlags;

use crate::call::{Answer, Call, OpResult};
use crate::clock::monotonic_ns;
use crate::config::Config;
use crate::family::Family;
use crate::hosted::socket::send_fd;
use crate::poller::Token;
use crate::{control, host_signals, net, ops, setup, streams};

/// How long to look for more requests before sleeping: longer after it paid off, shorter after it did not.
const SPIN: std::ops::RangeInclusive<Duration> = Duration::from_micros(3)..=Duration::from_micros(25);
/// Looks at the pending word between two looks at the clock.
const LOOKS: u32 = 32;
/// How long host descriptors may wait while members keep the monitor busy.
const POLL_EVERY: Duration = Duration::from_micros(200);
/// Requests taken from one member before others have their turn.
const BATCH: u32 = 64;

/// Runs a family to its end; the exit code that a shell would give.
pub fn run(config: Config) -> Result<i32> {
    let signals = setup::prepare()?;
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
    let mut state = Loop { signals, deadline, ready: Vec::new(), interrupts: 0 };
    let mut last_poll = Instant::now();
    loop {
        let worked = pump(fam);
        if let Some(code) = state.finished(fam) {
            return Ok(code);
        }
        if std::mem::take(&mut fam.suspended) {
            host_signals::suspend(fam);
        }
        if worked && spin.until_pending(fam) {
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

/// The brief wait for more requests.
struct Spin {
    /// Zero where nobody else could run meanwhile.
    budget: Duration,
}

impl Spin {
    fn new() -> Self {
        Self { budget: if several_cpus() { *SPIN.end() } else { Duration::ZERO } }
    }

    /// True when something came in time.
    fn until_pending(&mut self, fam: &Family) -> bool {
        if self.budget.is_zero() {
            return fam.events.pending();
        }
        let start = Instant::now();
        loop {
            for _ in 0..LOOKS {
                if fam.events.pending() {
                    self.budget = (self.budget * 2).min(*SPIN.end());
                    return true;
                }
                std::hint::spin_loop();
            }
            if start.elapsed() >= self.budget {
                self.budget = (self.budget / 2).max(*SPIN.start());
                return false;
            }
        }
    }
}

/// Spinning is for machines where somebody else can run meanwhile.
fn several_cpus() -> bool {
    rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() > 1)
}

struct Loop<'a> {
    signals: &'a OwnedFd,
    deadline: Option<Instant>,
    ready: Vec<(Token, EventFlags)>,
    interrupts: u32,
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
        fam.poller.wait(timeout_ns, &mut ready)?;
        for (token, flags) in ready.drain(..) {
            match token {
                Token::Doorbell => fam.events.clear_doorbell(),
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
        while fam.host.refill() && !fam.events.pending() {}
        if fam.clients.tracing() {
            fam.flush_clients();
        }
        fam.published.set_awake(false);
        let result = if fam.events.prepare_sleep() {
            let timeout = self.next_timeout(fam);
            let result = self.poll(fam, timeout);
            fam.events.finish_sleep();
            result
        } else {
            Ok(())
        };
        fam.published.set_awake(true);
        result
    }

    fn next_timeout(&self, fam: &Family) -> Option<u64> {
        let others = [net::next_deadline(fam), streams::next_deadline(fam)];
        let others = others.into_iter().flatten().min().map(|d| d.saturating_sub(monotonic_ns()));
        let own = self.deadline.map(|d| d.saturating_duration_since(Instant::now()).as_nanos() as u64);
        others.into_iter().chain(own).min()
    }
}

/// The exit code that a shell gives for a wait status.
fn exit_code(status: u32) -> i32 {
    match status & 0x7f {
        0 => (status >> 8 & 0xff) as i32,
        signo => 128 + signo as i32,
    }
}

/// Handles what is pending; false when there was nothing.
fn pump(fam: &mut Family) -> bool {
    if !fam.events.pending() {
        return false;
    }
    let mut events = Vec::new();
    fam.events.take(|e| events.push(e));
    for event in &events {
        if (1..MAX_MEMBERS).contains(event) {
            drain(fam, *event);
        } else if *event >= FIRST_OBJECT {
            net::object_event(fam, *event);
            fam.apply_pending();
        }
        fam.events.flush();
    }
    !events.is_empty()
}

/// Takes and answers the requests of one member.
fn drain(fam: &mut Family, slot: u32) {
    fam.flush_overflow(slot);
    let mut data = Vec::new();
    for _ in 0..BATCH {
        let Some(m) = fam.members.get_mut(slot) else { return };
        let control = m.control.clone();
        let Some((place, req)) = m.side.next(&*control) else { return };
        // A region is the member's, whoever of its processes used it last.
        let known = m.hosts(req.pid) || req.op == protocol::Op::Detach as u16;
        data.resize((req.data_len as usize).min(SLOT_DATA), 0);
        control.read(data_at(place), &mut data);
        let call = Call { slot, pid: req.pid, req: &req, data: &data };
        let result = if known { ops::dispatch(fam, &call) } else { Err(abi::Errno::ESRCH) };
        fam.apply_pending();
        let noreply = req.flags & NOREPLY != 0;
        let crowded = noreply && MonitorSide::crowded(&*control);
        let reply = fam.make_reply(slot, place, result, noreply);
        if let Some(m) = fam.members.get_mut(slot) {
            m.side.complete(&*control, place, noreply, &reply);
        }
        if !noreply || crowded {
            fam.notify(slot, EV_REPLY);
        }
    }
    // There may be more: this member is looked at again after the others.
    fam.events.post_self(slot);
}

impl Family {
    /// Answers what a member has submitted.
    #[cfg(test)]
    pub(crate) fn serve(&mut self, slot: u32) {
        drain(self, slot);
    }

    /// Puts an answer's data into place and delivers regions that are new to the member.
    fn make_reply(&mut self, slot: u32, place: u32, result: OpResult, noreply: bool) -> Reply {
        let failed = |e: abi::Errno| Reply { ret: -i64::from(e.0), ..Reply::default() };
        let answer = match result {
            Ok(answer) => answer,
            Err(e) => return failed(e),
        };
        let mut reply = Reply { ret: answer.ret, rets: answer.rets, ..Reply::default() };
        let delivered = if noreply { Ok(()) } else { self.deliver(slot, &answer, &mut reply) };
        if answer.handoff {
            for id in answer.regions.iter().flatten() {
                self.regions.disown(*id);
            }
        }
        if noreply {
            return Reply::default();
        }
        if let Err(e) = delivered {
            return failed(e);
        }
        let Some(m) = self.members.get(slot) else { return reply };
        if answer.data.len() > SLOT_DATA {
            return failed(abi::Errno::EMSGSIZE);
        }
        m.control.write(data_at(place), &answer.data);
        reply.data_len = answer.data.len() as u32;
        reply
    }

    fn deliver(&mut self, slot: u32, answer: &Answer, reply: &mut Reply) -> Result<(), abi::Errno> {
        for (i, id) in answer.regions.iter().enumerate() {
            let Some(id) = *id else { continue };
            reply.regions[i] = RegionRef { id: id.0, size: self.regions.size(id) };
            if !self.regions.attach(id, slot) {
                continue;
            }
            let (Some(m), Some(file)) = (self.members.get(slot), self.regions.file(id)) else { continue };
            if send_fd(&m.socket, SOCK_REGION, id.0, file).is_err() {
                self.regions.detach(id, slot);
                return Err(abi::Errno::ENOMEM);
            }
            reply.deliver |= 1 << i;
        }
        Ok(())
    }
}
