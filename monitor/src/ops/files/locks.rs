//! flock(2) and record locks.

use abi::Errno;
use abi::fs::{
    F_GETLK, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW, F_RDLCK, F_SETLK, F_SETLKW, F_UNLCK, F_WRLCK, LOCK_EX,
    LOCK_SH, LOCK_UN,
};
use vfs::locks::{Blocked, Kind, Owner, Range};

use super::Open;
use crate::call::{Answer, Call, OpResult};
use crate::family::Family;
use crate::fs;
use crate::retry::RetryKey;

/// The caller was answered EAGAIN, and hears of changes.
fn wait(fam: &mut Family, call: &Call, key: (u64, u64)) {
    let number = fam.fs.number(key);
    fam.retry.note(RetryKey::Lock(number), call.slot);
}

/// `Op::FLock`.
pub(super) fn flock(fam: &mut Family, call: &Call) -> OpResult {
    let open = Open::of(fam, call, call.arg32(0)?)?;
    let kind = match call.arg32(1)? & (LOCK_SH | LOCK_EX | LOCK_UN) {
        LOCK_SH => Some(Kind::Read),
        LOCK_EX => Some(Kind::Write),
        LOCK_UN => None,
        _ => return Err(Errno::EINVAL),
    };
    let key = open.loc.dentry.key();
    let (had, freed) = fam.fs.locks.flock(key, open.owner, kind);
    if freed {
        fs::unlocked(fam, key);
    }
    if had {
        return Answer::ok();
    }
    wait(fam, call, key);
    Err(Errno::EAGAIN)
}

/// `Op::Lock`.
pub(super) fn record(fam: &mut Family, call: &Call) -> OpResult {
    let open = Open::of(fam, call, call.arg32(0)?)?;
    let kind = match call.arg(2) as i16 {
        F_RDLCK => Some(Kind::Read),
        F_WRLCK => Some(Kind::Write),
        F_UNLCK => None,
        _ => return Err(Errno::EINVAL),
    };
    let range = Range::new(call.arg(3) as i64, call.arg(4) as i64)?;
    let (owner, get) = match call.arg32(1)? {
        F_GETLK => (Owner::Process(call.pid), true),
        F_SETLK | F_SETLKW => (Owner::Process(call.pid), false),
        F_OFD_GETLK => (Owner::Description(open.owner), true),
        F_OFD_SETLK | F_OFD_SETLKW => (Owner::Description(open.owner), false),
        _ => return Err(Errno::EINVAL),
    };
    let key = open.loc.dentry.key();
    if get {
        return Ok(get_lock(fam, key, owner, kind.ok_or(Errno::EINVAL)?, range));
    }
    match kind {
        Some(Kind::Read) => open.readable()?,
        Some(Kind::Write) => open.writable()?,
        None => {}
    }
    let waiter = (call.arg(7) == 1).then_some((call.pid, call.req.tid));
    match fam.fs.locks.set(key, owner, kind, range, waiter) {
        Ok(freed) => {
            if freed {
                fs::unlocked(fam, key);
            }
            Answer::ok()
        }
        Err(Blocked::Conflict) => {
            wait(fam, call, key);
            Err(Errno::EAGAIN)
        }
        Err(Blocked::Deadlock) => Err(Errno::EDEADLK),
    }
}

fn get_lock(fam: &Family, key: (u64, u64), owner: Owner, kind: Kind, range: Range) -> Answer {
    let Some(held) = fam.fs.locks.get(key, owner, kind, range) else {
        return Answer::default().with_ret(0, F_UNLCK as u64);
    };
    let ltype = if held.kind == Kind::Read { F_RDLCK } else { F_WRLCK };
    let pid = match held.owner {
        Owner::Process(pid) => i64::from(pid),
        // An open file description lock belongs to no process.
        Owner::Description(_) => -1,
    };
    Answer::default()
        .with_ret(0, ltype as u64)
        .with_ret(1, held.range.start)
        .with_ret(2, held.range.len())
        .with_ret(3, pid as u64)
}
