//! Small files that are opened again and again: name, attributes and content are remembered, so that opening, asking and
//! reading them takes no request (a web server's static files).
//!
//! An entry keeps a description of its own, the *pin*: what the app opens is a [`crate::file::Shadow`] of it, and becomes
//! a description of its own (`Reopen`) only when something asks for one. An entry is believed while the monitor's
//! generation stands still, but no longer than [`BELIEVED_NS`]: the host may change files of its own unseen. Then one
//! `Stat` decides. A file that somebody maps for writing has no entry. Opens that the cache serves are not seen by
//! inotify's IN_OPEN.

use abi::errno::SysResult;
use abi::fs::{O_ACCMODE, O_CLOEXEC, O_LARGEFILE, O_NOATIME, O_NOCTTY, O_NONBLOCK, O_RDONLY, Stat};
use alloc::sync::Arc;
use alloc::vec::Vec;
use hashbrown::HashMap;
use platform::sync::{Mutex, Rank};
use protocol::desc::Kind;
use protocol::op::DIR_CWD;
use protocol::{Op, SharedMem, family};

use crate::file::OpenFile;
use crate::host::{Answer, Host};

/// Larger files are not kept.
const MAX_SIZE: i64 = 0x1_0000;
/// Files kept.
const MAX_ENTRIES: usize = 256;
/// Names remembered of files that were opened once.
const MAX_SEEN: usize = 1024;
/// How long an entry is believed without asking.
const BELIEVED_NS: u64 = 50_000_000;
/// The flags with which a cached file may be opened.
const FLAGS: u32 = O_NONBLOCK | O_CLOEXEC | O_NOCTTY | O_LARGEFILE | O_NOATIME;
/// `Stat`'s r4: the content may change without the monitor knowing (a shared mapping).
const MAPPED: u64 = 2;

/// When an entry was found true.
#[derive(Clone, Copy)]
struct Proof {
    generation: u64,
    at: u64,
}

/// A file that is kept.
pub struct Entry {
    pid: u32,
    pin: Arc<OpenFile>,
    stat: Stat,
    proof: Mutex<Proof>,
    content: Mutex<Option<Arc<[u8]>>>,
}

#[derive(Default)]
struct Tables {
    entries: HashMap<Vec<u8>, Arc<Entry>>,
    /// Names opened once, with the generation of that time.
    seen: HashMap<Vec<u8>, u64>,
}

/// The files that this member keeps.
pub struct Cache(Mutex<Tables>);

impl Default for Cache {
    fn default() -> Self {
        Self(Mutex::new(Rank::File, Tables::default()))
    }
}

fn generation(host: &Host) -> u64 {
    host.family().u64_at(family::FS_GENERATION).load(core::sync::atomic::Ordering::Acquire)
}

/// True when an open of this kind may be served from the cache.
pub fn eligible(path: &[u8], flags: u32, resolve: u64) -> bool {
    let plain = flags & O_ACCMODE == O_RDONLY && flags & !(FLAGS | O_ACCMODE) == 0 && resolve == 0;
    plain && path.starts_with(b"/")
}

impl Entry {
    fn fresh(&self, host: &Host) -> bool {
        let proof = *self.proof.lock();
        proof.generation == generation(host)
            && host.platform.monotonic().saturating_sub(proof.at) < BELIEVED_NS
    }

    /// Attributes and content, if they are still to be believed.
    pub fn stat(&self, host: &Host) -> Option<&Stat> {
        self.fresh(host).then_some(&self.stat)
    }

    /// The description that pins the file.
    pub fn pin(&self) -> &Arc<OpenFile> {
        &self.pin
    }

    /// The content, if it is still to be believed; read on first use.
    pub fn content(&self, host: &Host) -> Option<Arc<[u8]>> {
        if !self.fresh(host) {
            return None;
        }
        let known = self.content.lock().clone();
        if known.is_some() {
            return known;
        }
        let before = generation(host);
        let mut bytes = alloc::vec![0; self.stat.st_size as usize + 1];
        let n = self.pin.read_at_kernel(0, &mut bytes).ok()?;
        if n as i64 != self.stat.st_size || generation(host) != before {
            return None;
        }
        bytes.truncate(n);
        let content: Arc<[u8]> = bytes.into();
        *self.content.lock() = Some(content.clone());
        Some(content)
    }

    /// Asks whether the entry is still true.
    fn prove(&self, host: &Host, path: &[u8]) -> bool {
        let (before, at) = (generation(host), host.platform.monotonic());
        let Ok(answer) = host.call_with(Op::Stat, &[DIR_CWD, 0], path) else { return false };
        let Ok(now) = answer.get::<Stat>(0) else { return false };
        let same =
            unchanged(&now, &self.stat) && answer.value(0) != u64::MAX && answer.value(4) & MAPPED == 0;
        if same {
            *self.proof.lock() = Proof { generation: before, at };
        }
        same
    }
}

fn unchanged(a: &Stat, b: &Stat) -> bool {
    let key = |s: &Stat| (s.st_dev, s.st_ino, s.st_size, s.st_mode, s.st_uid, s.st_gid);
    let times = |s: &Stat| (s.st_mtime, s.st_mtime_nsec, s.st_ctime, s.st_ctime_nsec);
    key(a) == key(b) && times(a) == times(b)
}

impl Cache {
    /// A shadow of a kept file.
    pub fn open(&self, host: &'static Host, path: &[u8], flags: u32) -> Option<Arc<OpenFile>> {
        let entry = self.0.lock().entries.get(path).cloned()?;
        if entry.pid != host.caller().0 {
            return None;
        }
        if !entry.fresh(host) && !entry.prove(host, path) {
            let gone = self.0.lock().entries.remove(path);
            drop(gone);
            return None;
        }
        Some(OpenFile::shadow(host, entry, flags))
    }

    /// A file was opened by a request made at `generation`. The second time within one generation it is kept: gives the
    /// shadow that the app gets in its place.
    pub fn note(
        &self,
        host: &'static Host,
        path: &[u8],
        file: &Arc<OpenFile>,
        flags: u32,
        before: u64,
    ) -> Option<Arc<OpenFile>> {
        if file.kind() != Kind::File || file.info().size > MAX_SIZE as u64 {
            return None;
        }
        {
            let mut t = self.0.lock();
            if t.seen.get(path) != Some(&before) {
                if t.seen.len() >= MAX_SEEN {
                    t.seen.clear();
                }
                t.seen.insert(path.to_vec(), before);
                return None;
            }
        }
        let at = host.platform.monotonic();
        let answer = host.call(Op::FStat, &[u64::from(file.desc())]).ok()?;
        let entry = Self::entry(host, &answer, file, Proof { generation: before, at }).ok()??;
        drop(answer);
        let mut t = self.0.lock();
        let full = t.entries.len() >= MAX_ENTRIES;
        let gone = if full { core::mem::take(&mut t.entries) } else { HashMap::new() };
        let old = t.entries.insert(path.to_vec(), entry.clone());
        drop(t);
        // Pins are closed without the lock.
        drop((gone, old));
        Some(OpenFile::shadow(host, entry, flags))
    }

    fn entry(
        host: &Host,
        answer: &Answer<'_>,
        file: &Arc<OpenFile>,
        proof: Proof,
    ) -> SysResult<Option<Arc<Entry>>> {
        let stat: Stat = answer.get(0)?;
        if stat.st_size > MAX_SIZE || answer.value(4) & MAPPED != 0 || generation(host) != proof.generation {
            return Ok(None);
        }
        Ok(Some(Arc::new(Entry {
            pid: host.caller().0,
            pin: file.clone(),
            stat,
            proof: Mutex::new(Rank::Leaf, proof),
            content: Mutex::new(Rank::Leaf, None),
        })))
    }

    /// The generation to give [`Cache::note`], taken before the request.
    pub fn generation(host: &Host) -> u64 {
        generation(host)
    }

    /// Forgets all: credentials, root or program changed.
    pub fn clear(&self) {
        let gone = core::mem::take(&mut *self.0.lock());
        drop(gone);
    }
}
