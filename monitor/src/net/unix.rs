//! Names of Unix sockets, unix(7): abstract ones here, others as nodes of the file system.

use abi::Errno;
use abi::socket::SOCK_DGRAM;

use super::name::Given;
use super::{Name, SocketId};
use crate::call::Call;
use crate::family::Family;
use crate::fs;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Abstract(Vec<u8>),
    /// A node of the file system, by its identity.
    Node((u64, u64)),
}

/// bind(2): `mode` are the permissions of a node, after the umask.
pub(super) fn bind(
    fam: &mut Family,
    call: &Call,
    id: SocketId,
    path: Vec<u8>,
    mode: u32,
) -> Result<(), Errno> {
    if fam.net.get(id)?.bound {
        return Err(Errno::EINVAL);
    }
    let key = if path.first() == Some(&0) {
        Key::Abstract(path.clone())
    } else {
        let made = fs::bind_socket(fam, call, &path, mode);
        Key::Node(made.map_err(|e| if e == Errno::EEXIST { Errno::EADDRINUSE } else { e })?)
    };
    claim(fam, id, key, path)
}

fn claim(fam: &mut Family, id: SocketId, key: Key, path: Vec<u8>) -> Result<(), Errno> {
    if fam.net.unix.contains_key(&key) {
        return Err(Errno::EADDRINUSE);
    }
    let s = fam.net.get_mut(id)?;
    s.local = Name::Unix(path);
    s.bound = true;
    s.node = match &key {
        Key::Node(node) => Some(*node),
        Key::Abstract(_) => None,
    };
    fam.net.unix.insert(key, id);
    Ok(())
}

/// A name of five hexadecimal digits that nobody has; nothing if there is a name already.
pub(super) fn autobind(fam: &mut Family, id: SocketId) -> Result<(), Errno> {
    if fam.net.get(id)?.bound {
        return Ok(());
    }
    for n in 0..0x10_0000u32 {
        let name = format!("\0{n:05x}").into_bytes();
        if !fam.net.unix.contains_key(&Key::Abstract(name.clone())) {
            return claim(fam, id, Key::Abstract(name.clone()), name);
        }
    }
    Err(Errno::ENOSPC)
}

/// Gives a name up; a node in the file system stays, and refuses connections.
pub(super) fn unbind(fam: &mut Family, id: SocketId) {
    let Ok(s) = fam.net.get(id) else { return };
    let key = match (&s.node, &s.local) {
        (Some(node), _) => Key::Node(*node),
        (None, Name::Unix(path)) => Key::Abstract(path.clone()),
        _ => return,
    };
    if fam.net.unix.get(&key) == Some(&id) {
        fam.net.unix.remove(&key);
    }
}

/// The socket behind a name, of the same type as the caller's: ECONNREFUSED without one, EPROTOTYPE for another type,
/// and what the file system says about a path.
pub(super) fn find(fam: &mut Family, call: &Call, path: &[u8], stype: u32) -> Result<SocketId, Errno> {
    let key = match path.first() {
        None => return Err(Errno::EINVAL),
        Some(0) => Key::Abstract(path.to_vec()),
        Some(_) => Key::Node(fs::find_socket(fam, call, path)?),
    };
    let id = *fam.net.unix.get(&key).ok_or(Errno::ECONNREFUSED)?;
    if fam.net.get(id)?.stype == stype { Ok(id) } else { Err(Errno::EPROTOTYPE) }
}

/// connect(2) of a datagram socket: where it sends from now on.
pub(super) fn connect_datagram(
    fam: &mut Family,
    call: &Call,
    id: SocketId,
    given: Given,
) -> Result<(), Errno> {
    let (mate, peer) = match given {
        Given::Unspecified => (None, Name::None),
        Given::Name(Name::Unix(path)) => {
            let mate = find(fam, call, &path, SOCK_DGRAM)?;
            let other = fam.net.get(mate)?.mate;
            if other.is_some_and(|m| m != id) {
                return Err(Errno::EPERM);
            }
            (Some(mate), Name::Unix(path))
        }
        _ => return Err(Errno::EINVAL),
    };
    let s = fam.net.get_mut(id)?;
    (s.mate, s.peer, s.mate_gone) = (mate, peer, false);
    Ok(())
}
