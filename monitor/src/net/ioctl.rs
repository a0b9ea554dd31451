//! ioctl(2) on sockets: queue lengths, and the interfaces `lo` and `eth0`, netdevice(7).

use abi::Errno;
use abi::ioctl::*;
use abi::socket::{AF_INET, SockAddrIn};
use vfs::record;
use zerocopy::{FromBytes, IntoBytes};

use super::SocketId;
use super::ports::OWN_V4;
use crate::call::{Answer, Call, OpResult};
use crate::config::Net;
use crate::family::Family;

const LOOPBACK_MTU: i32 = 65_536;
const ETHERNET_MTU: i32 = 1500;
const ARPHRD_ETHER: u16 = 1;
const ARPHRD_LOOPBACK: u16 = 772;

/// A network interface of the family.
pub(super) struct Interface {
    pub name: &'static [u8],
    pub index: i32,
    pub address: [u8; 4],
    pub mask: [u8; 4],
    pub flags: u16,
    pub mtu: i32,
    pub hardware: u16,
}

/// The family's interfaces.
pub(super) fn interfaces(fam: &Family) -> Vec<Interface> {
    let lo = Interface {
        name: b"lo",
        index: 1,
        address: [127, 0, 0, 1],
        mask: [255, 0, 0, 0],
        flags: IFF_UP | IFF_LOOPBACK | IFF_RUNNING,
        mtu: LOOPBACK_MTU,
        hardware: ARPHRD_LOOPBACK,
    };
    if fam.net.mode == Net::None {
        return vec![lo];
    }
    let eth0 = Interface {
        name: b"eth0",
        index: 2,
        address: OWN_V4.octets(),
        mask: [255, 255, 255, 252],
        flags: IFF_UP | IFF_BROADCAST | IFF_RUNNING | IFF_MULTICAST,
        mtu: ETHERNET_MTU,
        hardware: ARPHRD_ETHER,
    };
    vec![lo, eth0]
}

fn address(ip: [u8; 4]) -> [u8; 16] {
    let a = SockAddrIn { sin_family: AF_INET, sin_addr: ip, ..SockAddrIn::default() };
    let mut out = [0; 16];
    out.copy_from_slice(a.as_bytes());
    out
}

fn named(i: &Interface) -> IfReq {
    let mut r = IfReq::default();
    r.ifr_name[..i.name.len()].copy_from_slice(i.name);
    r
}

/// `Op::IoCtl` on a socket. SIOCGIFCONF gives all `ifreq`s as data; the member fits them into the program's buffer.
pub fn ioctl(fam: &mut Family, call: &Call, id: SocketId) -> OpResult {
    let cmd = call.arg32(1)?;
    let int = |n: i32| Ok(Answer::default().with_data(n.to_le_bytes().to_vec()));
    match cmd {
        FIONREAD => int(readable(fam, id)?),
        SIOCOUTQ => {
            let s = fam.net.get(id)?;
            let ring = s.rings.as_ref().filter(|_| s.connects()).map(|r| r.output().used());
            int(ring.and_then(Result::ok).unwrap_or(0) as i32)
        }
        SIOCATMARK => int(0),
        SIOCGIFCONF => {
            let mut data = Vec::new();
            for i in interfaces(fam) {
                let mut r = named(&i);
                r.ifr_data[..16].copy_from_slice(&address(i.address));
                data.extend_from_slice(r.as_bytes());
            }
            Ok(Answer::default().with_data(data))
        }
        SIOCGIFNAME => {
            let (req, _) = IfReq::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
            let index = i32::read_from_prefix(&req.ifr_data).map_or(0, |(v, _)| v);
            let all = interfaces(fam);
            let i = all.iter().find(|i| i.index == index).ok_or(Errno::ENODEV)?;
            Ok(Answer::default().with_struct(&IfReq { ifr_data: req.ifr_data, ..named(i) }))
        }
        SIOCGIFINDEX | SIOCGIFFLAGS | SIOCGIFADDR | SIOCGIFBRDADDR | SIOCGIFDSTADDR | SIOCGIFNETMASK
        | SIOCGIFMTU | SIOCGIFMETRIC | SIOCGIFHWADDR | SIOCGIFTXQLEN => of_interface(fam, call, cmd),
        _ => Err(Errno::ENOTTY),
    }
}

fn of_interface(fam: &Family, call: &Call, cmd: u32) -> OpResult {
    let (mut req, _) = IfReq::read_from_prefix(call.data).map_err(|_| Errno::EFAULT)?;
    let end = req.ifr_name.iter().position(|b| *b == 0).unwrap_or(IFNAMSIZ);
    let all = interfaces(fam);
    let i = all.iter().find(|i| *i.name == req.ifr_name[..end]).ok_or(Errno::ENODEV)?;
    let mut put = |bytes: &[u8]| req.ifr_data[..bytes.len()].copy_from_slice(bytes);
    match cmd {
        SIOCGIFINDEX => put(&i.index.to_le_bytes()),
        SIOCGIFFLAGS => put(&i.flags.to_le_bytes()),
        SIOCGIFADDR | SIOCGIFDSTADDR => put(&address(i.address)),
        SIOCGIFNETMASK => put(&address(i.mask)),
        SIOCGIFBRDADDR => {
            let mut broadcast = i.address;
            for (b, m) in broadcast.iter_mut().zip(i.mask) {
                *b |= !m;
            }
            put(&address(broadcast));
        }
        SIOCGIFMTU => put(&i.mtu.to_le_bytes()),
        SIOCGIFHWADDR => {
            put(&[0; 16]);
            put(&i.hardware.to_le_bytes());
        }
        SIOCGIFTXQLEN => put(&1000i32.to_le_bytes()),
        _ => put(&0i32.to_le_bytes()),
    }
    Ok(Answer::default().with_struct(&req))
}

/// FIONREAD: bytes of a stream, or the size of the next record.
fn readable(fam: &Family, id: SocketId) -> Result<i32, Errno> {
    let s = fam.net.get(id)?;
    if s.is_listening() {
        return Err(Errno::EINVAL);
    }
    let Some(r) = &s.rings else { return Ok(0) };
    let ring = r.input();
    if !s.records() {
        return Ok(ring.used().map_err(|_| Errno::EIO)? as i32);
    }
    let front = record::front(&ring).map_err(|_| Errno::EIO)?;
    Ok(front.map_or(0, |f| f.payload) as i32)
}
