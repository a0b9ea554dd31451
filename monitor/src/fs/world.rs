//! What procfs shows of the family.

use protocol::control;
use vfs::server::attr::Time;
use vfs::server::cx::{ProcInfo, PtyInfo, SystemInfo, World};
use vfs::server::walk::Place;

use crate::backend::Vm;
use crate::family::Family;
use crate::hosted::Usage;
use crate::procs::{INIT_PID, State};
use crate::{streams, sysinfo};

/// Facts of the host that do not change.
pub(super) struct Facts {
    cpus: u32,
    cpu_model: Vec<u8>,
    boot_id: [u8; 16],
}

impl Facts {
    /// Looks at the host.
    fn gather() -> Self {
        let mut boot_id = [0; 16];
        random(&mut boot_id);
        // A member has one virtual CPU, but the family runs on all that the host gives it.
        let cpus = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        Self { cpus, cpu_model: cpu_model().unwrap_or_else(|| b"unknown".to_vec()), boot_id }
    }
}

fn cpu_model() -> Option<Vec<u8>> {
    let text = std::fs::read("/proc/cpuinfo").ok()?;
    let line = text.split(|b| *b == b'\n').find(|l| l.starts_with(b"model name"))?;
    let at = line.iter().position(|b| *b == b':')?;
    Some(line[at + 1..].trim_ascii().to_vec())
}

fn random(buf: &mut [u8]) {
    let mut done = 0;
    while done < buf.len() {
        match rustix::rand::getrandom(&mut buf[done..], rustix::rand::GetRandomFlags::empty()) {
            Ok(n) => done += n,
            Err(_) => return,
        }
    }
}

/// The family as it is.
pub(super) struct View<'a>(pub &'a Family);

impl World for View<'_> {
    fn pids(&self) -> Vec<u32> {
        self.0.procs.iter().map(|p| p.pid).collect()
    }

    fn process(&self, pid: u32) -> Option<ProcInfo> {
        let p = self.0.procs.get(pid).ok()?;
        let member = self.0.members.get(p.slot).filter(|m| m.main == pid);
        let asleep = pid == INIT_PID || member.is_some() && self.0.events.sleeps(p.slot);
        let (state, exit_code) = match p.state {
            State::Running => (if asleep { b'S' } else { b'R' }, 0),
            State::Stopped(_) => (b'T', 0),
            State::Zombie(status) => (b'Z', status as i32),
        };
        let (threads, tids) = member.map(|m| control::threads(&*m.control)).unwrap_or_default();
        let terminal = streams::controlling(self.0, p.sid);
        // While it lives the host knows; at its end it has told by itself.
        let vm = member.filter(|_| p.alive()).and_then(|m| m.vm.as_ref());
        let used = vm.and_then(Vm::usage).unwrap_or(Usage {
            user_ns: p.times.user_ns,
            system_ns: p.times.system_ns,
            minor_faults: p.times.minor_faults,
            vsize: 0,
            rss: p.times.max_rss_kib * 1024,
        });
        Some(ProcInfo {
            pid,
            ppid: p.ppid,
            pgid: p.pgid,
            sid: p.sid,
            tty: terminal.map_or(0, |(_, dev)| dev as u32),
            tty_pgrp: terminal.map_or(-1, |(group, _)| group as i32),
            state,
            threads: threads.max(1),
            tids,
            ids: p.creds.ids(),
            groups: p.creds.groups.clone(),
            comm: p.image.comm.clone(),
            exe: p.image.exe.clone(),
            argv: if state == b'Z' { Vec::new() } else { p.image.argv.clone() },
            envp: p.image.envp.clone(),
            start_ns: p.start_ns,
            user_ns: used.user_ns,
            system_ns: used.system_ns,
            child_user_ns: p.child_times.user_ns,
            child_system_ns: p.child_times.system_ns,
            min_flt: used.minor_faults,
            nice: p.schedule.nice,
            vsize: used.vsize,
            rss: used.rss,
            limits: p.rlimits.clone(),
            exit_code,
            caps: p.creds.caps,
            signals: member.map(|m| control::signals(&*m.control)).unwrap_or_default(),
        })
    }

    fn place(&self, pid: u32) -> Option<Place> {
        self.0.fs.vfs.known_place(pid)
    }

    fn system(&self) -> SystemInfo {
        let facts = self.0.fs.facts.get_or_init(Facts::gather);
        let (mem_total, mem_free) = sysinfo::memory();
        SystemInfo {
            uptime_ns: self.0.uptime_ns(),
            boot_sec: (self.0.published.boot_wall_ns() / 1_000_000_000) as i64,
            mem_total,
            mem_free,
            cpus: facts.cpus,
            cpu_model: facts.cpu_model.clone(),
            loads: sysinfo::loads(),
            running: self.0.procs.iter().filter(|p| p.alive()).count() as u32,
            processes: self.0.procs.count() as u32,
            last_pid: self.0.procs.iter().last().map_or(INIT_PID, |p| p.pid),
            forks: self.0.procs.iter().last().map_or(0, |p| u64::from(p.pid)),
            max_pids: protocol::MAX_MEMBERS - 1,
            boot_id: facts.boot_id,
        }
    }

    fn host_name(&self) -> (Vec<u8>, Vec<u8>) {
        (self.0.hostname.clone(), self.0.domainname.clone())
    }

    fn ptys(&self) -> Vec<PtyInfo> {
        streams::pts_list(self.0)
            .into_iter()
            .filter_map(|number| {
                let (uid, gid, mode) = streams::pts_attributes(self.0, number)?;
                Some(PtyInfo { number, uid, gid, mode, since: Time::default() })
            })
            .collect()
    }

    fn mounts(&self, pid: u32, info: bool) -> Vec<u8> {
        let vfs = &self.0.fs.vfs;
        vfs.mounts.lines(&vfs.place(pid).root, info)
    }

    fn random(&self, buf: &mut [u8]) {
        random(buf);
    }

    fn oom_adj(&self, pid: u32) -> i32 {
        self.0.fs.oom.borrow().get(&pid).copied().unwrap_or(0)
    }

    fn set_oom_adj(&self, pid: u32, adj: i32) {
        self.0.fs.oom.borrow_mut().insert(pid, adj);
    }

    fn net_table(&self, name: &str) -> Option<Vec<u8>> {
        crate::net::net_table(self.0, name)
    }
}

/// The world before the first process.
pub(super) struct Nobody;

impl World for Nobody {
    fn pids(&self) -> Vec<u32> {
        Vec::new()
    }
    fn process(&self, _pid: u32) -> Option<ProcInfo> {
        None
    }
    fn place(&self, _pid: u32) -> Option<Place> {
        None
    }
    fn system(&self) -> SystemInfo {
        SystemInfo::default()
    }
    fn host_name(&self) -> (Vec<u8>, Vec<u8>) {
        Default::default()
    }
    fn ptys(&self) -> Vec<PtyInfo> {
        Vec::new()
    }
    fn mounts(&self, _pid: u32, _info: bool) -> Vec<u8> {
        Vec::new()
    }
    fn random(&self, buf: &mut [u8]) {
        random(buf);
    }
    fn oom_adj(&self, _pid: u32) -> i32 {
        0
    }
    fn set_oom_adj(&self, _pid: u32, _adj: i32) {}
    fn net_table(&self, _name: &str) -> Option<Vec<u8>> {
        None
    }
}
