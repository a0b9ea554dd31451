//! Connections of other commands to a running family: state, kill, trace. The protocol is described in
//! [`crate::control`].

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};

use abi::signal::SI_USER;
use anyhow::Result;
use rustix::event::epoll::EventFlags;
use rustix::net::sockopt::socket_peercred;
use serde_json::{Value, json};

use crate::backend::Vm;
use crate::family::Family;
use crate::poller::Token;
use crate::procs::{FIRST_PID, INIT_PID, Process, Signal, State};
use crate::report::printable;

/// Longest request.
const REQUEST_MAX: usize = 4096;
/// A client that does not read loses trace lines beyond this.
const BACKLOG_MAX: usize = 4 << 20;
/// Connections at one time.
const CLIENTS_MAX: usize = 64;

struct Client {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    tracing: bool,
    /// Trace lines that were dropped.
    lost: u64,
    /// Hang up when all output is written.
    closing: bool,
}

/// The family's control socket and who is connected.
#[derive(Default)]
pub struct Clients {
    listener: Option<UnixListener>,
    map: BTreeMap<u32, Client>,
    last: u32,
}

impl Clients {
    /// True when some connection wants trace lines.
    pub fn tracing(&self) -> bool {
        self.map.values().any(|c| c.tracing)
    }

    /// Queues a trace line for those who want it.
    pub fn trace_line(&mut self, line: &str) {
        for c in self.map.values_mut().filter(|c| c.tracing) {
            if c.output.len() + line.len() > BACKLOG_MAX {
                c.lost += 1;
                continue;
            }
            if c.lost > 0 {
                let note = format!("... {} lines lost\n", std::mem::take(&mut c.lost));
                c.output.extend_from_slice(note.as_bytes());
            }
            c.output.extend_from_slice(line.as_bytes());
            c.output.push(b'\n');
        }
    }
}

impl Family {
    /// Listens for other commands.
    pub fn serve_clients(&mut self, listener: UnixListener) -> Result<()> {
        self.poller.add(&listener, Token::Control, EventFlags::IN)?;
        self.clients.listener = Some(listener);
        Ok(())
    }

    /// A command connects. Only the family's own user and root are served.
    pub(crate) fn accept_client(&mut self) {
        let Some(Ok((stream, _))) = self.clients.listener.as_ref().map(|l| l.accept()) else { return };
        let own = rustix::process::getuid();
        let allowed = socket_peercred(&stream).is_ok_and(|c| c.uid == own || c.uid.is_root());
        if !allowed || self.clients.map.len() >= CLIENTS_MAX || stream.set_nonblocking(true).is_err() {
            return;
        }
        self.clients.last = self.clients.last.wrapping_add(1);
        let id = self.clients.last;
        if self.poller.add(stream.as_fd(), Token::Client(id), EventFlags::IN).is_err() {
            return;
        }
        let client =
            Client { stream, input: Vec::new(), output: Vec::new(), tracing: false, lost: 0, closing: false };
        self.clients.map.insert(id, client);
    }

    /// A connection is readable, writable or gone.
    pub(crate) fn client_ready(&mut self, id: u32) {
        let Some(c) = self.clients.map.get_mut(&id) else { return };
        let mut buf = [0; 1024];
        let gone = loop {
            match c.stream.read(&mut buf) {
                Ok(0) => break true,
                Ok(n) => c.input.extend_from_slice(&buf[..n]),
                Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => break true,
            }
            if c.input.len() > REQUEST_MAX {
                break true;
            }
        };
        if gone {
            self.drop_client(id);
            return;
        }
        if let Some(end) = c.input.iter().position(|b| *b == b'\n') {
            let line: Vec<u8> = c.input.drain(..=end).collect();
            self.answer_client(id, &line);
        }
        self.flush_clients();
    }

    fn drop_client(&mut self, id: u32) {
        // Closing the only descriptor takes it out of the poller.
        self.clients.map.remove(&id);
        self.update_tracing();
    }

    fn update_tracing(&mut self) {
        self.published.set_trace(self.trace.is_on() || self.clients.tracing());
    }

    fn answer_client(&mut self, id: u32, line: &[u8]) {
        let request: Value = serde_json::from_slice(line).unwrap_or_default();
        let answer = match request["op"].as_str() {
            Some("state") => self.state(),
            Some("kill") => self.kill_for_client(&request),
            Some("trace") => json!({ "name": self.config.name }),
            _ => json!({ "error": "unknown request" }),
        };
        if let Some(c) = self.clients.map.get_mut(&id) {
            c.tracing = request["op"] == "trace";
            c.closing = !c.tracing;
            c.output.extend_from_slice(format!("{answer}\n").as_bytes());
        }
        self.update_tracing();
    }

    /// Writes what clients can take now.
    pub(crate) fn flush_clients(&mut self) {
        let mut gone = Vec::new();
        for (id, c) in &mut self.clients.map {
            let failed = loop {
                if c.output.is_empty() {
                    break c.closing;
                }
                match c.stream.write(&c.output) {
                    Ok(n) => drop(c.output.drain(..n)),
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break false,
                    Err(e) if e.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break true,
                }
            };
            let mut interest = EventFlags::IN;
            interest.set(EventFlags::OUT, !c.output.is_empty());
            if failed || self.poller.modify(c.stream.as_fd(), Token::Client(*id), interest).is_err() {
                gone.push(*id);
            }
        }
        for id in gone {
            self.drop_client(id);
        }
    }

    fn kill_for_client(&mut self, request: &Value) -> Value {
        let pid = request["pid"].as_u64();
        let target = pid.map_or(Some(FIRST_PID), |p| u32::try_from(p).ok()).filter(|p| *p != INIT_PID);
        let signo = request["signal"].as_u64().filter(|s| *s <= abi::signal::NSIG as u64);
        let (Some(target), Some(signo)) = (target, signo) else {
            return json!({ "error": "no such process or signal" });
        };
        if !self.procs.get(target).is_ok_and(|p| p.alive()) {
            return json!({ "error": format!("there is no process {target} in {}", self.config.name) });
        }
        let signal = Signal { target, signo: signo as u32, code: SI_USER, ..Signal::default() };
        match self.send_signal(signal) {
            Ok(()) => json!({ "ok": true }),
            Err(e) => json!({ "error": e.message() }),
        }
    }

    fn state(&self) -> Value {
        let processes: Vec<Value> =
            self.procs.iter().filter(|p| p.pid != INIT_PID).map(|p| self.process_state(p)).collect();
        let command: Vec<String> = self.config.argv.iter().map(|a| printable(a)).collect();
        json!({
            "name": self.config.name,
            "monitor": std::process::id(),
            "uptime_ns": self.started.elapsed().as_nanos() as u64,
            "command": command,
            "processes": processes,
        })
    }

    fn process_state(&self, p: &Process) -> Value {
        let member = self.members.get(p.slot);
        let state = match p.state {
            State::Running => "running",
            State::Stopped(_) => "stopped",
            State::Zombie(_) => "zombie",
        };
        let argv: Vec<String> = p.image.argv.iter().map(|a| printable(a)).collect();
        let mut state = json!({
            "pid": p.pid,
            "ppid": p.ppid,
            "pgid": p.pgid,
            "sid": p.sid,
            "uid": p.creds.euid,
            "state": state,
            "member": (p.slot != 0).then_some(p.slot),
            "owns_member": member.is_some_and(|m| m.main == p.pid),
            "host_pid": member.and_then(|m| m.vm.as_ref()).and_then(Vm::host_pid),
            "domain": member.and_then(|m| m.vm.as_ref()).and_then(Vm::domain),
            "name": printable(&p.image.comm),
            "argv": argv,
        });
        if let Some(domain) = member.and_then(|m| m.vm.as_ref()).and_then(Vm::domain)
            && let Some((status, shared)) = self.backend.figures(domain)
        {
            state["private_kib"] = json!(status.pages * 4);
            state["shared_kib"] = json!(shared * 4);
            state["cpu_ms"] = json!(status.cpu_ns / 1_000_000);
        }
        state
    }
}
