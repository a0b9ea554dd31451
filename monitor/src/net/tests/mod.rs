//! Sockets of a family as its members see them: requests, rings and events.

mod inet;
mod relay;
mod unix;

use std::collections::BTreeSet;
use std::path::PathBuf;

use abi::Errno;
use abi::fs::O_NONBLOCK;
use abi::socket::*;
use protocol::control::Request;
use protocol::desc::DescInfo;
use protocol::ring::{Ring, Side};
use protocol::{FIRST_OBJECT, Op};
use zerocopy::FromBytes;

use super::name::Name;
use crate::call::{Answer, Call};
use crate::config::{Config, Publish};
use crate::family::Family;
use crate::life::TestMember;
use crate::mapping::Mapped;
use crate::net::host_ready;
use crate::ops::dispatch;
use crate::poller::Token;
use crate::procs::FIRST_PID;
use crate::regions::RegionId;

struct Guest {
    fam: Family,
    member: TestMember,
}

impl Guest {
    fn new() -> Self {
        Self::publishing(vec![])
    }

    fn publishing(publish: Vec<Publish>) -> Self {
        let config = Config {
            kernel: PathBuf::from("/nonexistent"),
            argv: vec![b"/bin/x".to_vec()],
            workdir: b"/".to_vec(),
            publish,
            ..Config::default()
        };
        let mut fam = Family::new(config).expect("a family");
        let member = fam.test_member();
        Self { fam, member }
    }

    fn slot(&self) -> u32 {
        self.member.slot
    }

    /// A request of the first program in another member's slot: the event's addressee.
    fn call_from(&mut self, slot: u32, op: Op, args: &[u64], data: &[u8]) -> Result<Answer, Errno> {
        let mut all = [0; 8];
        all[..args.len()].copy_from_slice(args);
        let req = Request { op: op as u16, pid: FIRST_PID, tid: FIRST_PID, args: all, ..Request::default() };
        dispatch(&mut self.fam, &Call { slot, pid: FIRST_PID, req: &req, data })
    }

    fn call(&mut self, op: Op, args: &[u64], data: &[u8]) -> Result<Answer, Errno> {
        self.call_from(self.slot(), op, args, data)
    }

    fn socket(&mut self, domain: u16, stype: u32) -> DescInfo {
        info(&self.call(Op::Socket, &[domain.into(), stype.into(), 0], &[]).expect("a socket"), 0)
    }

    fn pair(&mut self, stype: u32) -> [DescInfo; 2] {
        let a = self.call(Op::SocketPair, &[AF_UNIX.into(), stype.into(), 0], &[]).expect("a pair");
        [info(&a, 0), info(&a, 1)]
    }

    fn on(&mut self, s: &DescInfo, op: Op, data: &[u8]) -> Result<Answer, Errno> {
        self.call(op, &[s.desc.into()], data)
    }

    /// A listening TCP socket at an address; the address that it has.
    fn listener(&mut self, at: &str, backlog: i32) -> (DescInfo, Vec<u8>) {
        let s = self.socket(AF_INET, SOCK_STREAM);
        self.on(&s, Op::Bind, &v4(at)).expect("bound");
        self.call(Op::Listen, &[s.desc.into(), backlog as u64], &[]).expect("listens");
        let name = self.on(&s, Op::SockName, &[]).expect("name").data;
        (s, name)
    }

    fn accept(&mut self, s: &DescInfo) -> Result<DescInfo, Errno> {
        self.on(s, Op::Accept, &[]).map(|a| info(&a, 0))
    }

    fn refreshed(&mut self, s: &DescInfo) -> DescInfo {
        info(&self.on(s, Op::DescInfo, &[]).expect("Info"), 0)
    }

    fn error(&mut self, s: &DescInfo) -> i32 {
        let a = self.call(Op::GetSockOpt, &[s.desc.into(), SOL_SOCKET as u64, SO_ERROR as u64], &[]);
        i32::read_from_bytes(&a.expect("SO_ERROR").data).expect("int")
    }

    fn set_nonblocking(&mut self, s: &DescInfo) {
        self.call(Op::SetFlags, &[s.desc.into(), O_NONBLOCK.into()], &[]).expect("flags");
    }

    fn close(&mut self, s: &DescInfo) {
        self.on(s, Op::Close, &[]).expect("closed");
    }

    fn view(&mut self, s: &DescInfo) -> std::rc::Rc<Mapped> {
        self.fam.regions.view(RegionId(s.region)).expect("mapped")
    }

    /// What a member does for write(2): into the ring, and tell the reader.
    fn write(&mut self, s: &DescInfo, bytes: &[u8]) -> usize {
        let view = self.view(s);
        let ring = Ring::new(&*view, s.out_off as usize, s.ring_cap);
        let n = ring.push(bytes).expect("sound");
        self.tell(&ring, Side::Reader, s.object);
        n
    }

    /// … and for read(2).
    fn read(&mut self, s: &DescInfo) -> Vec<u8> {
        let view = self.view(s);
        let ring = Ring::new(&*view, s.in_off as usize, s.ring_cap);
        let mut buf = vec![0; s.ring_cap as usize];
        let n = ring.pull(&mut buf).expect("sound");
        buf.truncate(n);
        self.tell(&ring, Side::Writer, s.object);
        buf
    }

    fn tell(&mut self, ring: &Ring<'_, Mapped>, side: Side, object: u32) {
        let mut slots = Vec::new();
        ring.take_waiters(side, |slot| slots.push(slot));
        for slot in slots {
            if slot == protocol::MONITOR_SLOT {
                super::object_event(&mut self.fam, object);
            } else {
                self.fam.notify(slot, object);
            }
        }
    }

    fn arm_reader(&mut self, s: &DescInfo, slot: u32) {
        let view = self.view(s);
        Ring::new(&*view, s.in_off as usize, s.ring_cap).arm(Side::Reader, slot);
    }

    fn closed(&mut self, s: &DescInfo) -> [u32; 2] {
        let view = self.view(s);
        [s.in_off, s.out_off].map(|off| Ring::new(&*view, off as usize, s.ring_cap).closed())
    }

    /// Objects that a member was told of.
    fn events(&self, slot: u32) -> BTreeSet<u32> {
        let mut seen = BTreeSet::new();
        self.fam.events.take_for(slot, |e| {
            if e >= FIRST_OBJECT {
                seen.insert(e);
            }
        });
        seen
    }

    /// Lets the monitor handle the host's sockets until `done`, for at most two seconds.
    fn run_until<T>(&mut self, mut done: impl FnMut(&mut Self) -> Option<T>) -> T {
        for _ in 0..200 {
            if let Some(result) = done(self) {
                return result;
            }
            let mut ready = Vec::new();
            self.fam.poller.wait(Some(10_000_000), &mut ready).expect("poll");
            for (token, flags) in ready {
                if let Token::Net(id) = token {
                    host_ready(&mut self.fam, id, flags);
                }
            }
        }
        panic!("nothing came");
    }
}

fn info(a: &Answer, n: usize) -> DescInfo {
    let size = size_of::<DescInfo>();
    DescInfo::read_from_bytes(&a.data[n * size..(n + 1) * size]).expect("an Info")
}

fn v4(text: &str) -> Vec<u8> {
    Name::Inet(text.parse().expect("address")).encode(AF_INET)
}
