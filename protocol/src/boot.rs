//! The boot record in a member's control region: who it is and what it starts.
//!
//! The monitor writes it before the member runs: for a first or spawned program in whole, for a clone only the
//! identity (the rest comes with the parent's memory).

use alloc::vec::Vec;

use crate::control::{BOOT, BOOT_MAX};
use crate::desc::DescInfo;
use crate::wire::{Reader, Writer};
use crate::{PROTOCOL_VERSION, SharedMem};
use zerocopy::{FromBytes, IntoBytes};

/// Who a member is; fresh for every member, clones included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub slot: u32,
    pub pid: u32,
    pub ppid: u32,
    pub pgid: u32,
    pub sid: u32,
    /// Changes with every member that ever used this slot.
    pub generation: u32,
    /// Fresh randomness from the monitor: a clone must not repeat its parent's.
    pub entropy: [u8; 32],
}

/// One descriptor that a started program inherits.
#[derive(Clone, Copy, Debug)]
pub struct BootFd {
    pub fd: u32,
    pub cloexec: bool,
    pub info: DescInfo,
}

/// What a fresh member starts.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Path to open, as the guest sees it.
    pub path: Vec<u8>,
    /// The description of the program's file, opened for execution, where no path leads to it; 0: the path does.
    pub desc: u32,
    pub argv: Vec<Vec<u8>>,
    pub envp: Vec<Vec<u8>>,
    pub fds: Vec<BootFd>,
    /// Blocked signals and ignored signals, as bit sets (bit signo-1).
    pub sigmask: u64,
    pub ignored: u64,
    pub umask: u32,
    /// Soft and hard limits by RLIMIT number.
    pub rlimits: Vec<(u64, u64)>,
    /// Real, effective, saved and filesystem uid, then the same for gid.
    pub ids: [u32; 8],
    pub groups: Vec<u32>,
    /// 1: personality(ADDR_NO_RANDOMIZE) and other personality bits.
    pub personality: u32,
    /// Memory limit of the member in bytes; 0: none.
    pub memory: u64,
    /// Kernel-private state that the spawning kernel passes to the fresh one (timers kept over exec and so on).
    pub extra: Vec<u8>,
}

const IDENT: usize = BOOT;
const PROGRAM: usize = BOOT + 0x1000;

/// Writes the identity.
pub fn write_identity<M: SharedMem + ?Sized>(mem: &M, id: &Identity) {
    let mut w = Writer::new();
    for v in [PROTOCOL_VERSION, id.slot, id.pid, id.ppid, id.pgid, id.sid, id.generation] {
        w.u32(v);
    }
    w.bytes(&id.entropy);
    mem.write(IDENT, &w.finish());
}

/// Reads the identity; `None` when it is of another protocol version.
pub fn read_identity<M: SharedMem + ?Sized>(mem: &M) -> Option<Identity> {
    let mut buf = [0u8; 64];
    mem.read(IDENT, &mut buf);
    let mut r = Reader::new(&buf);
    if r.u32()? != PROTOCOL_VERSION {
        return None;
    }
    Some(Identity {
        slot: r.u32()?,
        pid: r.u32()?,
        ppid: r.u32()?,
        pgid: r.u32()?,
        sid: r.u32()?,
        generation: r.u32()?,
        entropy: r.bytes()?.try_into().ok()?,
    })
}

impl Program {
    /// As bytes, for the boot record or a `SpawnExec` request.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.bytes(&self.path).u32(self.desc).list(&self.argv).list(&self.envp);
        w.u32(self.fds.len() as u32);
        for f in &self.fds {
            w.u32(f.fd).u32(f.cloexec.into()).bytes(f.info.as_bytes());
        }
        w.u64(self.sigmask).u64(self.ignored).u32(self.umask);
        w.u32(self.rlimits.len() as u32);
        for (soft, hard) in &self.rlimits {
            w.u64(*soft).u64(*hard);
        }
        for id in self.ids {
            w.u32(id);
        }
        w.u32(self.groups.len() as u32);
        for g in &self.groups {
            w.u32(*g);
        }
        w.u32(self.personality).u64(self.memory).bytes(&self.extra);
        w.finish()
    }

    /// From bytes.
    pub fn decode(buf: &[u8]) -> Option<Self> {
        let mut r = Reader::new(buf);
        let (path, desc) = (r.bytes()?.to_vec(), r.u32()?);
        let mut p = Self { path, desc, argv: r.list()?, envp: r.list()?, ..Self::default() };
        for _ in 0..r.u32()? {
            p.fds.push(BootFd {
                fd: r.u32()?,
                cloexec: r.u32()? != 0,
                info: DescInfo::read_from_bytes(r.bytes()?).ok()?,
            });
        }
        p.sigmask = r.u64()?;
        p.ignored = r.u64()?;
        p.umask = r.u32()?;
        for _ in 0..r.u32()? {
            p.rlimits.push((r.u64()?, r.u64()?));
        }
        for id in &mut p.ids {
            *id = r.u32()?;
        }
        for _ in 0..r.u32()? {
            p.groups.push(r.u32()?);
        }
        p.personality = r.u32()?;
        p.memory = r.u64()?;
        p.extra = r.bytes()?.to_vec();
        Some(p)
    }

    /// Writes the program into a control region; false when it is too large for it.
    pub fn write<M: SharedMem + ?Sized>(&self, mem: &M) -> bool {
        write_blob(mem, &self.encode())
    }

    /// Reads the program from a control region.
    pub fn read<M: SharedMem + ?Sized>(mem: &M) -> Option<Self> {
        Self::decode(&read_blob(mem)?)
    }
}

/// Writes an encoded program into the boot area (a spawning member passes it there for `SpawnExec`).
pub fn write_blob<M: SharedMem + ?Sized>(mem: &M, bytes: &[u8]) -> bool {
    if bytes.len() + 0x1000 + 8 > BOOT_MAX {
        return false;
    }
    mem.write(PROGRAM, &(bytes.len() as u32).to_le_bytes());
    mem.write(PROGRAM + 8, bytes);
    true
}

/// Reads what [`write_blob`] wrote.
pub fn read_blob<M: SharedMem + ?Sized>(mem: &M) -> Option<Vec<u8>> {
    let mut len = [0u8; 4];
    mem.read(PROGRAM, &mut len);
    let len = u32::from_le_bytes(len) as usize;
    if len + 0x1000 + 8 > BOOT_MAX {
        return None;
    }
    let mut buf = alloc::vec![0u8; len];
    mem.read(PROGRAM + 8, &mut buf);
    Some(buf)
}
