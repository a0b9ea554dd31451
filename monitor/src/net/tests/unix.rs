//! Unix sockets: names, records, descriptions on their way.

use protocol::anc::{Received, Sent};
use protocol::ring::CLOSED_WRITE;
use protocol::wire::Writer;
use vfs::record;

use super::*;

fn named(path: &[u8]) -> Vec<u8> {
    Name::Unix(path.to_vec()).encode(AF_UNIX)
}

#[test]
fn abstract_names() {
    let mut g = Guest::new();
    let l = g.socket(AF_UNIX, SOCK_STREAM);
    assert_eq!(g.call(Op::Listen, &[l.desc.into(), 1], &[]).err(), Some(Errno::EINVAL));
    g.on(&l, Op::Bind, &named(b"\0x")).expect("bound");
    assert_eq!(g.on(&l, Op::Bind, &named(b"\0y")).err(), Some(Errno::EINVAL));
    let c = g.socket(AF_UNIX, SOCK_STREAM);
    assert_eq!(g.on(&c, Op::Connect, &named(b"\0x")).err(), Some(Errno::ECONNREFUSED), "not listening");
    g.call(Op::Listen, &[l.desc.into(), 0], &[]).expect("listens");
    let d = g.socket(AF_UNIX, SOCK_DGRAM);
    assert_eq!(g.on(&d, Op::Connect, &named(b"\0x")).err(), Some(Errno::EPROTOTYPE));
    let c = info(&g.on(&c, Op::Connect, &named(b"\0x")).expect("connected"), 0);
    let late = g.socket(AF_UNIX, SOCK_STREAM);
    assert_eq!(g.on(&late, Op::Connect, &named(b"\0x")).err(), Some(Errno::EAGAIN));
    let a = g.on(&l, Op::Accept, &[]).expect("accepted");
    assert!(g.events(g.slot()).contains(&late.object), "told of the room");
    let s = info(&a, 0);
    assert_eq!((a.rets[0], &a.data[size_of::<DescInfo>()..]), (2, &[1u8, 0][..]), "the peer has no name");
    g.write(&s, b"hi");
    assert_eq!(g.read(&c), b"hi");
    let cred = g.call(Op::GetSockOpt, &[c.desc.into(), 1, SO_PEERCRED as u64], &[]).expect("cred").data;
    assert_eq!(cred[..4], FIRST_PID.to_le_bytes());
    g.close(&l);
    assert_eq!(g.on(&late, Op::Connect, &named(b"\0x")).err(), Some(Errno::ECONNREFUSED));
    g.on(&late, Op::Bind, &[1, 0]).expect("autobound");
    assert_eq!(g.on(&late, Op::SockName, &[]).expect("name").ret, 8);
}

#[test]
fn paths_are_nodes() {
    let mut g = Guest::new();
    let l = g.socket(AF_UNIX, SOCK_STREAM);
    g.call(Op::Bind, &[l.desc.into(), 0o755], &named(b"/tmp/offshoot-test.sock")).expect("bound");
    g.call(Op::Listen, &[l.desc.into(), 1], &[]).expect("listens");
    let again = g.socket(AF_UNIX, SOCK_STREAM);
    let at = named(b"/tmp/offshoot-test.sock");
    assert_eq!(g.on(&again, Op::Bind, &at).err(), Some(Errno::EADDRINUSE));
    g.on(&again, Op::Connect, &at).expect("connected");
    g.close(&l);
    let third = g.socket(AF_UNIX, SOCK_STREAM);
    assert_eq!(g.on(&third, Op::Connect, &at).err(), Some(Errno::ECONNREFUSED));
    assert_eq!(g.on(&third, Op::Connect, &named(b"/tmp/none")).err(), Some(Errno::ENOENT));
}

#[test]
fn records_and_backpressure() {
    let mut g = Guest::new();
    let [a, b] = g.pair(SOCK_SEQPACKET);
    let payload = vec![7; 60_000];
    let mut sent = 0;
    let full = loop {
        match g.on(&a, Op::SendTo, &payload) {
            Ok(n) => sent += n.ret,
            Err(e) => break e,
        }
    };
    assert_eq!((full, sent), (Errno::EAGAIN, 240_000));
    g.events(g.slot());
    let view = g.view(&b);
    let ring = Ring::new(&*view, b.in_off as usize, b.ring_cap);
    record::front(&ring).expect("sound").expect("a record").consume(&ring);
    g.tell(&ring, Side::Writer, b.object);
    assert!(g.events(g.slot()).contains(&a.object));
    g.on(&a, Op::SendTo, &payload).expect("room again");
    g.close(&a);
    assert_eq!(g.closed(&b)[0] & CLOSED_WRITE, CLOSED_WRITE);
    assert_eq!(g.on(&b, Op::SendTo, b"x").err(), Some(Errno::EPIPE));
}

#[test]
fn descriptions_travel() {
    let mut g = Guest::new();
    let [a, b] = g.pair(SOCK_STREAM);
    let [x, y] = g.pair(SOCK_STREAM);
    let sent = Sent { descs: vec![x.desc], ..Sent::default() };
    g.call(Op::SendAnc, &[a.desc.into(), 0], &sent.encode()).expect("attached");
    g.write(&a, b"data");
    g.close(&x);
    assert_eq!(g.closed(&y)[0], 0, "the message keeps it open");
    let none = g.call(Op::RecvAnc, &[a.desc.into(), 0], &[]).expect("asked");
    assert_eq!((none.ret, none.rets[0]), (1, 0));
    let got = g.call(Op::RecvAnc, &[b.desc.into(), 0], &[]).expect("received");
    let got = Received::decode(&got.data).expect("decodes");
    assert_eq!(got.descs[0].desc, x.desc);
    g.close(&x);
    assert_eq!(g.closed(&y)[0] & CLOSED_WRITE, CLOSED_WRITE);
    // Thrown away with its socket.
    let sent = Sent { descs: vec![y.desc], ..Sent::default() };
    g.call(Op::SendAnc, &[a.desc.into(), 4], &sent.encode()).expect("attached");
    let later = g.call(Op::RecvAnc, &[b.desc.into(), 0], &[]).expect("asked");
    assert_eq!((later.ret, later.rets[0], later.rets[1]), (1, 1, 4), "further on");
    g.close(&b);
    assert_eq!(g.fam.descs.references(y.desc), 1);
    let bad = Sent { descs: vec![9999], ..Sent::default() };
    assert_eq!(g.call(Op::SendAnc, &[a.desc.into(), 0], &bad.encode()).err(), Some(Errno::EPIPE));
}

#[test]
fn datagram_credentials_and_loss_of_the_mate() {
    let mut g = Guest::new();
    let [a, b] = g.pair(SOCK_DGRAM);
    g.call(Op::SetSockOpt, &[b.desc.into(), 1, SO_PASSCRED as u64], &1i32.to_le_bytes()).expect("set");
    g.on(&a, Op::SendTo, b"who").expect("sent");
    let view = g.view(&b);
    let ring = Ring::new(&*view, 0, b.ring_cap);
    let front = record::front(&ring).expect("sound").expect("a record");
    assert!(front.anc);
    let got = g.call(Op::RecvAnc, &[b.desc.into(), ring.head().into()], &[]).expect("received");
    assert_eq!(Received::decode(&got.data).expect("decodes").creds.expect("creds")[0], FIRST_PID);
    let mut w = Writer::new();
    w.bytes(&Sent { descs: vec![a.desc], ..Sent::default() }.encode()).bytes(&[]).bytes(b"with");
    let n = g.call(Op::SendAnc, &[a.desc.into(), u64::MAX, 0], &w.finish()).expect("sent");
    assert_eq!(n.ret, 4);
    g.close(&b);
    assert_eq!(g.fam.descs.references(a.desc), 1);
    assert_eq!(g.on(&a, Op::SendTo, b"x").err(), Some(Errno::ECONNREFUSED));
    assert_eq!(g.on(&a, Op::SendTo, b"x").err(), Some(Errno::ENOTCONN));
}
