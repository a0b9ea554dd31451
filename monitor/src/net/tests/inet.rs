//! TCP and UDP within the family.

use protocol::desc::{ST_CONNECTED, ST_LISTENING};
use protocol::ring::{CLOSED_READ, CLOSED_WRITE};
use vfs::record;

use super::*;

#[test]
fn connections_join_two_rings() {
    let mut g = Guest::new();
    let (l, at) = g.listener("127.0.0.1:0", 5);
    assert_eq!(g.refreshed(&l).state, ST_LISTENING);
    assert_eq!(g.accept(&l).err(), Some(Errno::EAGAIN));
    let c = g.socket(AF_INET, SOCK_STREAM);
    let a = g.on(&c, Op::Connect, &at).expect("connected");
    let c = info(&a, 0);
    assert_eq!(c.state, ST_CONNECTED);
    assert!(g.events(g.slot()).contains(&l.object), "the acceptor hears of it");
    let s = g.accept(&l).expect("accepted");
    g.arm_reader(&s, 7);
    g.write(&c, b"hello");
    assert_eq!(g.events(7), BTreeSet::from([s.object]));
    assert_eq!(g.read(&s), b"hello");
    let own = g.on(&c, Op::SockName, &[]).expect("name").data;
    let seen = g.call(Op::SockName, &[s.desc.into(), 1], &[]).expect("peer").data;
    assert_eq!(own, seen);
    assert_eq!(g.on(&c, Op::Connect, &at).err(), Some(Errno::EISCONN));
    g.call(Op::Shutdown, &[c.desc.into(), SHUT_WR as u64], &[]).expect("half closed");
    assert_eq!(g.closed(&s)[0] & CLOSED_WRITE, CLOSED_WRITE);
    g.close(&c);
    assert_eq!(g.write(&s, b"late"), 4, "the first write still succeeds");
    assert_eq!(g.closed(&s)[1] & CLOSED_READ, CLOSED_READ);
    assert_eq!(g.error(&s), Errno::EPIPE.0);
    g.close(&s);
}

#[test]
fn unread_data_resets() {
    let mut g = Guest::new();
    let (l, at) = g.listener("127.0.0.1:0", 5);
    let c = g.socket(AF_INET, SOCK_STREAM);
    let c = info(&g.on(&c, Op::Connect, &at).expect("connected"), 0);
    let s = g.accept(&l).expect("accepted");
    g.write(&c, b"unread");
    g.close(&s);
    assert_eq!(g.error(&c), Errno::ECONNRESET.0);
}

#[test]
fn refusals() {
    let mut g = Guest::new();
    let (l, at) = g.listener("127.0.0.1:0", 5);
    let port = u16::from_be_bytes([at[2], at[3]]);
    let s = g.socket(AF_INET, SOCK_STREAM);
    assert_eq!(g.on(&s, Op::Bind, &at).err(), Some(Errno::EADDRINUSE));
    assert_eq!(g.on(&s, Op::Bind, &v4("8.8.8.8:0")).err(), Some(Errno::EADDRNOTAVAIL));
    g.close(&l);
    assert_eq!(g.on(&s, Op::Connect, &at).err(), Some(Errno::ECONNREFUSED));
    g.on(&s, Op::Bind, &v4(&format!("0.0.0.0:{port}"))).err();
    g.set_nonblocking(&s);
    assert_eq!(g.on(&s, Op::Connect, &at).err(), Some(Errno::EINPROGRESS));
    assert_eq!(g.error(&s), Errno::ECONNREFUSED.0);
    assert_eq!(g.error(&s), 0);
    assert_eq!(g.call(Op::SockName, &[s.desc.into(), 1], &[]).err(), Some(Errno::ENOTCONN));
    assert_eq!(g.call(Op::Shutdown, &[s.desc.into(), 2], &[]).err(), Some(Errno::ENOTCONN));
    let u = g.socket(AF_INET, SOCK_DGRAM);
    assert_eq!(g.call(Op::Listen, &[u.desc.into(), 1], &[]).err(), Some(Errno::EOPNOTSUPP));
    assert_eq!(g.call(Op::Socket, &[99, 1, 0], &[]).err(), Some(Errno::EAFNOSUPPORT));
    assert_eq!(g.call(Op::Socket, &[2, 1, 17], &[]).err(), Some(Errno::EPROTONOSUPPORT));
}

#[test]
fn nonblocking_connect_reports_once() {
    let mut g = Guest::new();
    let (_l, at) = g.listener("127.0.0.1:0", 5);
    let s = g.socket(AF_INET, SOCK_STREAM);
    g.set_nonblocking(&s);
    assert_eq!(g.on(&s, Op::Connect, &at).err(), Some(Errno::EINPROGRESS));
    assert!(g.events(g.slot()).contains(&s.object));
    assert_eq!(g.error(&s), 0);
    assert!(g.on(&s, Op::Connect, &at).is_ok());
    assert_eq!(g.on(&s, Op::Connect, &at).err(), Some(Errno::EISCONN));
}

#[test]
fn a_full_queue_lets_in_when_it_has_room() {
    let mut g = Guest::new();
    let (l, at) = g.listener("127.0.0.1:0", 0);
    let first = g.socket(AF_INET, SOCK_STREAM);
    g.on(&first, Op::Connect, &at).expect("room for one");
    let second = g.socket(AF_INET, SOCK_STREAM);
    assert_eq!(g.on(&second, Op::Connect, &at).err(), Some(Errno::EINPROGRESS));
    g.events(g.slot());
    g.accept(&l).expect("first");
    assert!(g.events(g.slot()).contains(&second.object));
    assert_eq!(g.refreshed(&second).state, ST_CONNECTED);
    g.accept(&l).expect("second");
    let third = g.socket(AF_INET, SOCK_STREAM);
    g.on(&third, Op::Connect, &at).expect("queued");
    g.close(&l);
    assert_eq!(g.error(&third), Errno::ECONNRESET.0);
}

#[test]
fn one_of_the_exclusive_waiters_is_woken() {
    let mut g = Guest::new();
    let (l, at) = g.listener("127.0.0.1:0", 50);
    for slot in 10..14 {
        let bits = g.call_from(slot, Op::PollDesc, &[l.desc.into(), 1], &[]).expect("polled");
        assert_eq!(bits.ret, 0);
    }
    g.call_from(20, Op::PollDesc, &[l.desc.into(), 0], &[]).expect("polled");
    let mut woken = Vec::new();
    for _ in 0..2 {
        let c = g.socket(AF_INET, SOCK_STREAM);
        g.on(&c, Op::Connect, &at).expect("connected");
        woken.push((10..14).filter(|s| g.events(*s).contains(&l.object)).collect::<Vec<_>>());
    }
    assert_eq!(woken, [vec![10], vec![11]]);
    assert!(g.events(20).contains(&l.object), "who polls without EPOLLEXCLUSIVE always hears");
}

fn received(g: &mut Guest, s: &DescInfo) -> Option<(Vec<u8>, Vec<u8>)> {
    let view = g.view(s);
    let ring = Ring::new(&*view, s.in_off as usize, s.ring_cap);
    let front = record::front(&ring).expect("sound")?;
    let (mut from, mut data) = (vec![0; 128], vec![0; front.payload as usize]);
    let n = front.read_addr(&ring, &mut from)?;
    from.truncate(n);
    front.read_payload(&ring, &mut data);
    front.consume(&ring);
    Some((from, data))
}

#[test]
fn datagrams() {
    let mut g = Guest::new();
    let (a, b) = (g.socket(AF_INET, SOCK_DGRAM), g.socket(AF_INET, SOCK_DGRAM));
    g.on(&a, Op::Bind, &v4("127.0.0.1:5353")).expect("bound");
    let to = v4("127.0.0.1:5353");
    let packet = [&to[..], b"ping"].concat();
    assert_eq!(g.on(&b, Op::SendTo, b"x").err(), Some(Errno::EDESTADDRREQ));
    let sent = g.call(Op::SendTo, &[b.desc.into(), 0, 16], &packet).expect("sent");
    assert_eq!(sent.ret, 4);
    let (from, data) = received(&mut g, &a).expect("received");
    let own = g.on(&b, Op::SockName, &[]).expect("name").data;
    assert_eq!(data, b"ping");
    assert_eq!(from[2..4], own[2..4], "from the port that the sender got");
    // A connected socket hears of a closed port.
    g.on(&b, Op::Connect, &v4("127.0.0.1:9")).expect("peer set");
    g.on(&b, Op::SendTo, b"x").expect("sent");
    assert_eq!(g.error(&b), Errno::ECONNREFUSED.0);
    assert_eq!(g.call(Op::SendTo, &[b.desc.into(), 0, 99], b"x").err(), Some(Errno::EINVAL));
}
