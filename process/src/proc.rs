//! A process as its member's kernel sees it.

use abi::process::WaitStatus;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use platform::sync::{Mutex, Rank};
use vfs::fdtable::FdTable;

use crate::Thread;
use crate::attrs::Attrs;
use crate::exec::program::ProgramFile;
use crate::mm::AddressSpace;
use crate::signal::ProcessSignals;
use crate::timer::ProcessTimers;

/// Credentials as the monitor has them, cached for the get calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Creds {
    /// Real, effective, saved, filesystem uid; then the same for gid.
    pub ids: [u32; 8],
    pub groups: Vec<u32>,
}

/// A process. All members run one; during vfork a second one (or more) lives beside it with the same address space.
pub struct Process {
    pid: AtomicU32,
    pub mm: Arc<AddressSpace>,
    pub fds: Arc<FdTable>,
    pub signals: Arc<ProcessSignals>,
    pub timers: ProcessTimers,
    pub threads: Mutex<Vec<Arc<Thread>>>,
    pub creds: Mutex<Creds>,
    pub attrs: Mutex<Attrs>,
    pub umask: AtomicU32,
    /// Soft and hard limits by RLIMIT number.
    pub rlimits: Mutex<[(u64, u64); 16]>,
    /// Path of the executable, command name (up to 15 bytes), arguments and environment as given to exec.
    pub image: Mutex<Image>,
    /// The program's file (Linux's `mm->exe_file`): nobody can write to it while it is held.
    pub program: Mutex<Option<Arc<ProgramFile>>>,
    /// personality(2).
    pub personality: AtomicU32,
    /// For a child that lives in its parent's member: the key that its parent sleeps on (0: none), and whether it left.
    pub vfork_key: AtomicU32,
    pub vfork_done: AtomicBool,
    /// Wait status that exit_group set, for threads that end by themselves meanwhile.
    group_status: Mutex<Option<WaitStatus>>,
}

/// What /proc/PID shows of the running program.
#[derive(Clone, Debug, Default)]
pub struct Image {
    pub exe: Vec<u8>,
    pub comm: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<Vec<u8>>,
}

impl Process {
    /// A process without threads.
    pub fn new(
        pid: u32,
        mm: Arc<AddressSpace>,
        fds: Arc<FdTable>,
        signals: Arc<ProcessSignals>,
    ) -> Arc<Self> {
        Arc::new(Self {
            pid: AtomicU32::new(pid),
            mm,
            fds,
            signals,
            timers: ProcessTimers::default(),
            threads: Mutex::new(Rank::Process, Vec::new()),
            creds: Mutex::new(Rank::Leaf, Creds::default()),
            attrs: Mutex::new(Rank::Leaf, Attrs::default()),
            umask: AtomicU32::new(0o022),
            rlimits: Mutex::new(Rank::Leaf, [(u64::MAX, u64::MAX); 16]),
            image: Mutex::new(Rank::Leaf, Image::default()),
            program: Mutex::new(Rank::Leaf, None),
            personality: AtomicU32::new(0),
            vfork_key: AtomicU32::new(0),
            vfork_done: AtomicBool::new(false),
            group_status: Mutex::new(Rank::Leaf, None),
        })
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.pid.load(Ordering::Relaxed)
    }

    /// What a new process has from its parent, beside memory, descriptors and signals.
    pub fn inherit(&self, parent: &Process) {
        // One lock after the other, not the child's within the parent's.
        let creds = parent.creds.lock().clone();
        *self.creds.lock() = creds;
        let attrs = parent.attrs.lock().for_child();
        *self.attrs.lock() = attrs;
        let rlimits = *parent.rlimits.lock();
        *self.rlimits.lock() = rlimits;
        let image = parent.image.lock().clone();
        *self.image.lock() = image;
        let program = parent.program.lock().clone();
        *self.program.lock() = program;
        self.umask.store(parent.umask.load(Ordering::Relaxed), Ordering::Relaxed);
        self.personality.store(parent.personality.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Status that exit_group gave, if it was called.
    pub fn group_status(&self) -> Option<WaitStatus> {
        *self.group_status.lock()
    }

    /// exit_group: the first call's status counts.
    pub fn set_group_status(&self, status: WaitStatus) {
        self.group_status.lock().get_or_insert(status);
    }

    /// The monitor's descriptions that the process has on purpose, as `Op::Holdings` lists them.
    pub fn holdings(&self) -> Vec<u8> {
        let mut all = self.fds.holdings();
        if let Some(file) = &*self.program.lock() {
            all.extend(file.desc().to_le_bytes());
        }
        all
    }

    /// In a clone: the process is now the child.
    pub fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }
}
