//! Changes of user and group ids: which are allowed, and what follows. Pure; credentials(7).
//!
//! The functions work on the four ids of one kind: real, effective, saved, filesystem.

use abi::errno::{Errno, SysResult};

/// Real, effective, saved and filesystem id.
pub type Ids = [u32; 4];

/// "Leave as it is" in the calls that set several ids.
pub const KEEP: u32 = u32::MAX;

const R: usize = 0;
const E: usize = 1;
const S: usize = 2;
const FS: usize = 3;

/// setuid(2), setgid(2).
pub fn set(mut ids: Ids, id: u32, privileged: bool) -> SysResult<Ids> {
    if id == KEEP {
        return Err(Errno::EINVAL);
    }
    if privileged {
        return Ok([id; 4]);
    }
    if id != ids[R] && id != ids[S] {
        return Err(Errno::EPERM);
    }
    ids[E] = id;
    ids[FS] = id;
    Ok(ids)
}

/// setreuid(2), setregid(2).
pub fn set_re(mut ids: Ids, r: u32, e: u32, privileged: bool) -> SysResult<Ids> {
    let old = ids;
    let real_ok = [KEEP, old[R], old[E]].contains(&r);
    let effective_ok = [KEEP, old[R], old[E], old[S]].contains(&e);
    let allowed = privileged || (real_ok && effective_ok);
    if !allowed {
        return Err(Errno::EPERM);
    }
    if r != KEEP {
        ids[R] = r;
    }
    if e != KEEP {
        ids[E] = e;
    }
    if r != KEEP || (e != KEEP && e != old[R]) {
        ids[S] = ids[E];
    }
    ids[FS] = ids[E];
    Ok(ids)
}

/// setresuid(2), setresgid(2).
pub fn set_res(mut ids: Ids, new: [u32; 3], privileged: bool) -> SysResult<Ids> {
    let allowed = |id: u32| id == KEEP || ids[..FS].contains(&id);
    if !privileged && !new.iter().all(|id| allowed(*id)) {
        return Err(Errno::EPERM);
    }
    for (id, new) in ids.iter_mut().zip(new) {
        if new != KEEP {
            *id = new;
        }
    }
    ids[FS] = ids[E];
    Ok(ids)
}

/// setfsuid(2), setfsgid(2): nothing happens when it is not allowed.
pub fn set_fs(mut ids: Ids, id: u32, privileged: bool) -> Ids {
    if id != KEEP && (privileged || ids.contains(&id)) {
        ids[FS] = id;
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_moves_among_its_own_ids() {
        let ids = [1, 2, 3, 2];
        assert_eq!(set(ids, 3, false), Ok([1, 3, 3, 3]));
        assert_eq!(set(ids, 2, false), Err(Errno::EPERM));
        assert_eq!(set(ids, 9, true), Ok([9; 4]));
        assert_eq!(set(ids, KEEP, true), Err(Errno::EINVAL));
        assert_eq!(set_res(ids, [3, KEEP, 1], false), Ok([3, 2, 1, 2]));
        assert_eq!(set_res(ids, [4, KEEP, KEEP], false), Err(Errno::EPERM));
        assert_eq!(set_fs(ids, 3, false), [1, 2, 3, 3]);
        assert_eq!(set_fs(ids, 4, false), ids);
    }

    #[test]
    fn setreuid_saves() {
        assert_eq!(set_re([1, 2, 3, 2], KEEP, 1, false), Ok([1, 1, 3, 1]));
        assert_eq!(set_re([1, 2, 3, 2], KEEP, 3, false), Ok([1, 3, 3, 3]));
        assert_eq!(set_re([1, 2, 3, 2], 2, 1, false), Ok([2, 1, 1, 1]));
        assert_eq!(set_re([1, 2, 3, 2], 3, KEEP, false), Err(Errno::EPERM));
    }
}
