//! Semaphore sets: semget(2), semop(2), semctl(2).

use std::collections::BTreeMap;

use abi::Errno;
use abi::ipc::*;
use zerocopy::{FromBytes, IntoBytes};

use super::registry::{Entry, READ, Registry, WRITE};
use super::{Kind, Waiter, removed, wait_for, wake};
use crate::call::{Answer, Call, OpResult};
use crate::clock::wall_seconds;
use crate::family::Family;
use crate::procs::Creds;

/// A set.
pub struct Set {
    values: Vec<Semaphore>,
    otime: i64,
    ctime: i64,
    /// Adjustments to be made when a process ends (SEM_UNDO).
    undo: BTreeMap<u32, Vec<i32>>,
}

#[derive(Clone, Copy, Default)]
struct Semaphore {
    value: i32,
    /// Process that changed it last.
    pid: u32,
}

/// Where an operation cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Blocked {
    num: u16,
    /// It waits for zero, not for an increase.
    zero: bool,
    nowait: bool,
}

impl Set {
    fn new(n: usize) -> Self {
        Self { values: vec![Semaphore::default(); n], otime: 0, ctime: wall_seconds(), undo: BTreeMap::new() }
    }

    /// Carries all operations out or none.
    fn operate(&mut self, ops: &[SemBuf], pid: u32) -> Result<Result<(), Blocked>, Errno> {
        let mut values: Vec<i32> = self.values.iter().map(|s| s.value).collect();
        let mut undo = self.undo.get(&pid).cloned().unwrap_or_else(|| vec![0; values.len()]);
        for op in ops {
            let n = usize::from(op.sem_num);
            let flags = i32::from(op.sem_flg);
            let delta = i32::from(op.sem_op);
            let after = values[n] + delta;
            let blocked = if delta == 0 { values[n] != 0 } else { after < 0 };
            if blocked {
                let nowait = flags & IPC_NOWAIT != 0;
                return Ok(Err(Blocked { num: op.sem_num, zero: delta == 0, nowait }));
            }
            if after > SEMVMX {
                return Err(Errno::ERANGE);
            }
            values[n] = after;
            if flags & SEM_UNDO != 0 {
                undo[n] -= delta;
                if !(-SEMAEM - 1..=SEMAEM).contains(&undo[n]) {
                    return Err(Errno::ERANGE);
                }
            }
        }
        for op in ops {
            self.values[usize::from(op.sem_num)].pid = pid;
        }
        for (s, v) in self.values.iter_mut().zip(values) {
            s.value = v;
        }
        if ops.iter().any(|o| i32::from(o.sem_flg) & SEM_UNDO != 0) {
            self.undo.insert(pid, undo);
        }
        self.otime = wall_seconds();
        Ok(Ok(()))
    }

    /// SETVAL and SETALL also cancel what processes would undo.
    fn set(&mut self, n: usize, value: i32, pid: u32) {
        self.values[n] = Semaphore { value, pid };
        for undo in self.undo.values_mut() {
            undo[n] = 0;
        }
        self.ctime = wall_seconds();
    }

    /// A process ended: its adjustments, as far as the bounds allow. True when there were any.
    fn undo(&mut self, pid: u32) -> bool {
        let Some(undo) = self.undo.remove(&pid) else { return false };
        for (s, u) in self.values.iter_mut().zip(undo) {
            if u != 0 {
                *s = Semaphore { value: (s.value + u).clamp(0, SEMVMX), pid };
            }
        }
        self.otime = wall_seconds();
        true
    }
}

/// semget(2).
pub fn get(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (key, n, flags) = (call.arg(1) as i32, call.arg(2) as i32, call.arg(3) as i32);
    if !(0..=SEMMSL).contains(&n) {
        return Err(Errno::EINVAL);
    }
    let enough = |s: &Set| if n as usize > s.values.len() { Err(Errno::EINVAL) } else { Ok(()) };
    let make = || if n == 0 { Err(Errno::EINVAL) } else { Ok(Set::new(n as usize)) };
    Ok(Answer::value(fam.ipc.sem.get(key, flags, creds, enough, make)?))
}

/// semop(2).
pub fn operate(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let id = call.arg(1) as i32;
    removed(fam, call, Kind::Sem, id)?;
    let size = size_of::<SemBuf>();
    if call.data.is_empty() || !call.data.len().is_multiple_of(size) {
        return Err(Errno::EINVAL);
    }
    if call.data.len() / size > SEMOPM as usize {
        return Err(Errno::E2BIG);
    }
    let mut ops = Vec::new();
    for raw in call.data.chunks_exact(size) {
        ops.push(SemBuf::read_from_bytes(raw).map_err(|_| Errno::EFAULT)?);
    }
    let wanted = if ops.iter().any(|o| o.sem_op != 0) { WRITE } else { READ };
    let set = &mut fam.ipc.sem.find(id, creds, wanted)?.value;
    if ops.iter().any(|o| usize::from(o.sem_num) >= set.values.len()) {
        return Err(Errno::EFBIG);
    }
    match set.operate(&ops, call.pid)? {
        Ok(()) => {
            if wanted == WRITE {
                wake(fam, Kind::Sem, id);
            }
            Answer::ok()
        }
        Err(b) if b.nowait => Err(Errno::EAGAIN),
        Err(b) => Ok(wait_for(fam, call, Waiter { kind: Kind::Sem, id, num: b.num, zero: b.zero })),
    }
}

/// semctl(2).
pub fn control(fam: &mut Family, call: &Call, creds: &Creds) -> OpResult {
    let (id, num, cmd) = (call.arg(1) as i32, call.arg(2) as i32, call.arg(3) as i32 & !IPC_64);
    match cmd {
        IPC_RMID => {
            fam.ipc.sem.owned(id, creds)?;
            fam.ipc.sem.remove(id);
            wake(fam, Kind::Sem, id);
            Answer::ok()
        }
        IPC_SET => {
            let (new, _) = SemidDs::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
            let e = fam.ipc.sem.owned(id, creds)?;
            Registry::set_perm(e, &new.sem_perm);
            e.value.ctime = wall_seconds();
            Answer::ok()
        }
        IPC_STAT => Ok(Answer::default().with_struct(&status(fam.ipc.sem.find(id, creds, READ)?))),
        SEM_STAT | SEM_STAT_ANY => {
            let id = fam.ipc.sem.at_index(id)?;
            let e = fam.ipc.sem.find(id, creds, if cmd == SEM_STAT { READ } else { 0 })?;
            Ok(Answer::value(id).with_struct(&status(e)))
        }
        IPC_INFO | SEM_INFO => Ok(Answer::value(fam.ipc.sem.highest()).with_struct(&limits(fam, cmd))),
        GETALL => {
            let set = &fam.ipc.sem.find(id, creds, READ)?.value;
            let all: Vec<u16> = set.values.iter().map(|s| s.value as u16).collect();
            Ok(Answer::default().with_data(all.as_bytes().to_vec()))
        }
        SETALL => {
            let set = &mut fam.ipc.sem.find(id, creds, WRITE)?.value;
            if call.data.is_empty() {
                return Ok(Answer::value(set.values.len() as i32));
            }
            if call.data.len() < 2 * set.values.len() {
                return Err(Errno::EFAULT);
            }
            let new: Vec<i32> =
                call.data.chunks_exact(2).map(|b| u16::from_le_bytes([b[0], b[1]]).into()).collect();
            if new.iter().any(|v| *v > SEMVMX) {
                return Err(Errno::ERANGE);
            }
            let all = 0..set.values.len();
            for (n, value) in all.zip(new) {
                set.set(n, value, call.pid);
            }
            wake(fam, Kind::Sem, id);
            Answer::ok()
        }
        SETVAL => {
            let (value, _) = i32::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
            let set = &mut fam.ipc.sem.find(id, creds, WRITE)?.value;
            let n = in_set(set, num)?;
            if !(0..=SEMVMX).contains(&value) {
                return Err(Errno::ERANGE);
            }
            set.set(n, value, call.pid);
            wake(fam, Kind::Sem, id);
            Answer::ok()
        }
        GETVAL | GETPID | GETNCNT | GETZCNT => {
            let set = &fam.ipc.sem.find(id, creds, READ)?.value;
            let n = in_set(set, num)?;
            let s = set.values[n];
            Ok(Answer::value(match cmd {
                GETVAL => s.value,
                GETPID => s.pid as i32,
                _ => fam.ipc.waiting(Kind::Sem, id, n as u16, cmd == GETZCNT),
            }))
        }
        _ => Err(Errno::EINVAL),
    }
}

fn in_set(set: &Set, num: i32) -> Result<usize, Errno> {
    usize::try_from(num).ok().filter(|n| *n < set.values.len()).ok_or(Errno::EINVAL)
}

fn status(e: &Entry<Set>) -> SemidDs {
    SemidDs {
        sem_perm: e.perm,
        sem_otime: e.value.otime,
        sem_ctime: e.value.ctime,
        sem_nsems: e.value.values.len() as u64,
        ..SemidDs::default()
    }
}

/// The limits; SEM_INFO has the use in two of the places.
fn limits(fam: &Family, cmd: i32) -> SemInfo {
    let sets = fam.ipc.sem.iter().count() as i32;
    let all = fam.ipc.sem.iter().map(|(_, e)| e.value.values.len()).sum::<usize>() as i32;
    let info = cmd == SEM_INFO;
    SemInfo {
        semmap: SEMMAP,
        semmni: SEMMNI,
        semmns: SEMMNS,
        semmnu: SEMMNU,
        semmsl: SEMMSL,
        semopm: SEMOPM,
        semume: SEMUME,
        semusz: if info { sets } else { SEMUSZ },
        semvmx: SEMVMX,
        semaem: if info { all } else { SEMAEM },
    }
}

/// A process ended.
pub fn process_ended(fam: &mut Family, pid: u32) {
    let mut changed = Vec::new();
    for (id, e) in fam.ipc.sem.iter_mut() {
        if e.value.undo(pid) {
            changed.push(id);
        }
    }
    for id in changed {
        wake(fam, Kind::Sem, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(sem_num: u16, sem_op: i16, flags: i32) -> SemBuf {
        SemBuf { sem_num, sem_op, sem_flg: flags as i16 }
    }

    #[test]
    fn all_or_nothing_and_undo() {
        let mut s = Set::new(2);
        assert_eq!(s.operate(&[op(0, 2, SEM_UNDO), op(1, 1, 0)], 9), Ok(Ok(())));
        let blocked = Blocked { num: 1, zero: false, nowait: true };
        assert_eq!(s.operate(&[op(0, -1, 0), op(1, -5, IPC_NOWAIT)], 9), Ok(Err(blocked)));
        assert_eq!(s.values[0].value, 2);
        assert_eq!(
            s.operate(&[op(0, -1, 0), op(0, 0, 0)], 9),
            Ok(Err(Blocked { num: 0, zero: true, nowait: false }))
        );
        assert_eq!(s.operate(&[op(1, i16::MAX, 0)], 9), Err(Errno::ERANGE));
        assert_eq!(s.operate(&[op(0, -1, 0)], 8), Ok(Ok(())));
        assert!(s.undo(9));
        assert_eq!(s.values[0].value, 0, "not below zero");
        assert!(!s.undo(9));
    }
}
