//! The family's first program.

use anyhow::{Context, Result};

use protocol::boot::{BootFd, Program};
use protocol::desc::DescInfo;
use rustix::process::{Resource, getrlimit};

use crate::family::Family;
use crate::procs::{Creds, Image};
use crate::report::say;
use crate::{fs, streams};

/// Soft and hard limits by RLIMIT number, as a container would have them: no more open files than this program itself may
/// have.
fn default_rlimits() -> Vec<(u64, u64)> {
    const INF: u64 = abi::process::RLIM_INFINITY;
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(INF).min(1 << 20);
    vec![
        (INF, INF),               // CPU
        (INF, INF),               // FSIZE
        (INF, INF),               // DATA
        (8 << 20, INF),           // STACK
        (0, INF),                 // CORE
        (INF, INF),               // RSS
        (1023, 1023),             // NPROC: as many as there are slots
        (files.min(1024), files), // NOFILE
        (8 << 20, 8 << 20),       // MEMLOCK
        (INF, INF),               // AS
        (INF, INF),               // LOCKS
        (4096, 4096),             // SIGPENDING
        (819_200, 819_200),       // MSGQUEUE
        (0, 0),                   // NICE
        (0, 0),                   // RTPRIO
        (INF, INF),               // RTTIME
    ]
}

impl Family {
    /// Starts the first program as the configuration says. When it cannot be started the user is told, and the exit
    /// code comes back.
    pub fn start_first(&mut self) -> Result<Option<i32>> {
        let creds = Creds::new(self.config.uid, self.config.gid, self.config.groups.clone());
        let pid = self.procs.insert_first(creds.clone(), 0);
        fs::first_process(self, pid)?;
        let stdio = streams::open_stdio(self, pid).context("cannot use the standard streams")?;
        let argv = self.config.argv.clone();
        let path = match self.find_program(pid, argv.first().map_or(b"", Vec::as_slice)) {
            Ok(path) => path,
            Err(refusal) => {
                say(&refusal.text);
                return Ok(Some(refusal.code));
            }
        };
        let p = self.procs.get_mut(pid)?;
        p.rlimits = default_rlimits();
        let comm = path.rsplit(|c| *c == b'/').next().unwrap_or_default().to_vec();
        p.image = Image { exe: path.clone(), comm, argv: argv.clone(), envp: self.config.env.clone() };
        let fds = (0..)
            .zip(stdio)
            // What is told of them is filled in when the program starts.
            .map(|(fd, desc)| BootFd { fd, cloexec: false, info: DescInfo { desc, ..DescInfo::default() } })
            .collect();
        let program = Program {
            path,
            argv,
            envp: self.config.env.clone(),
            fds,
            umask: 0o022,
            rlimits: default_rlimits(),
            ids: creds.ids(),
            groups: creds.groups,
            memory: self.config.memory,
            ..Program::default()
        };
        let started = self.start_program(pid, program);
        started.map_err(|e| anyhow::anyhow!("cannot start a member: {}", e.message()))?;
        Ok(None)
    }
}
