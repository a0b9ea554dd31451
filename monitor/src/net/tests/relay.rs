//! With the host's network: published ports and outgoing connections.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use protocol::desc::{ST_CONNECTED, ST_REFUSED};
use protocol::ring::{CLOSED_READ, CLOSED_WRITE};

use super::*;

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port()
}

fn publish(host: u16, guest: u16, udp: bool) -> Publish {
    Publish { address: Ipv4Addr::LOCALHOST.into(), host, guest, udp }
}

fn client(port: u16) -> TcpStream {
    let c = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    c.set_read_timeout(Some(Duration::from_secs(2))).expect("timeout");
    c
}

fn served() -> (Guest, TcpStream, DescInfo) {
    let port = free_port();
    let mut g = Guest::publishing(vec![publish(port, 80, false)]);
    let (l, _) = g.listener("0.0.0.0:80", 16);
    let c = client(port);
    let s = g.run_until(|g| g.accept(&l).ok());
    (g, c, s)
}

#[test]
fn a_published_port_relays_both_ways() {
    let (mut g, mut c, s) = served();
    c.write_all(b"request").expect("sent");
    let got = g.run_until(|g| Some(g.read(&s)).filter(|d| !d.is_empty()));
    assert_eq!(got, b"request");
    g.write(&s, b"response");
    let mut buf = [0; 8];
    c.read_exact(&mut buf).expect("received");
    assert_eq!(&buf, b"response");
    c.shutdown(Shutdown::Write).expect("half closed");
    g.run_until(|g| (g.closed(&s)[0] & CLOSED_WRITE != 0).then_some(()));
    g.write(&s, b"last");
    g.close(&s);
    let mut rest = Vec::new();
    c.read_to_end(&mut rest).expect("ends well");
    assert_eq!(rest, b"last");
}

#[test]
fn much_data_flows_under_backpressure() {
    let (mut g, c, s) = served();
    let total = 3_000_000;
    let mut writer = c.try_clone().expect("clone");
    let sender = std::thread::spawn(move || writer.write_all(&vec![5; total]));
    let mut back = 0;
    let mut reader = c;
    let receiver = std::thread::spawn(move || {
        let mut sum = 0;
        let mut buf = vec![0; 65_536];
        while sum < total {
            sum += reader.read(&mut buf).expect("received");
        }
        sum
    });
    let mut pending = Vec::new();
    g.run_until(|g| {
        for _ in 0..50 {
            pending.extend(g.read(&s));
            let n = g.write(&s, &pending);
            pending.drain(..n);
            back += n;
        }
        (back == total).then_some(())
    });
    g.run_until(|g| {
        super::super::object_event(&mut g.fam, s.object);
        receiver.is_finished().then_some(())
    });
    assert_eq!(receiver.join().expect("receiver"), total);
    sender.join().expect("sender").expect("sent");
}

#[test]
fn a_reset_is_an_error() {
    let (mut g, c, s) = served();
    let fd = std::os::fd::OwnedFd::from(c);
    rustix::net::sockopt::set_socket_linger(&fd, Some(Duration::ZERO)).expect("linger");
    drop(fd);
    g.run_until(|g| (g.closed(&s)[1] & CLOSED_READ != 0).then_some(()));
    assert_eq!(g.error(&s), Errno::ECONNRESET.0);
}

#[test]
fn unread_requests_reset_the_client() {
    let (mut g, mut c, s) = served();
    c.write_all(b"never read").expect("sent");
    let view = g.view(&s);
    g.run_until(|_| (Ring::new(&*view, s.in_off as usize, s.ring_cap).used() != Ok(0)).then_some(()));
    g.close(&s);
    let e = c.read(&mut [0; 8]).expect_err("reset");
    assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn nobody_listens_and_nobody_may_share() {
    let port = free_port();
    let mut g = Guest::publishing(vec![publish(port, 80, false)]);
    let mut c = client(port);
    let mut ready = Vec::new();
    g.fam.poller.wait(Some(1_000_000_000), &mut ready).expect("poll");
    for (token, flags) in ready {
        let Token::Net(id) = token else { continue };
        host_ready(&mut g.fam, id, flags);
    }
    assert!(c.read(&mut [0; 1]).is_err(), "reset");
    let config = Config { publish: vec![publish(port, 81, false)], ..Config::default() };
    let e = super::super::Server::new(&config).err().expect("in use");
    assert!(e.to_string().contains("already in use"), "{e}");
    g.listener("127.0.0.1:80", 1);
}

#[test]
fn a_member_that_lies_loses_its_connection() {
    let (mut g, mut c, s) = served();
    let view = g.view(&s);
    protocol::SharedMem::u32_at(&*view, s.out_off as usize + 64)
        .store(0x7777_7777, std::sync::atomic::Ordering::SeqCst);
    super::super::object_event(&mut g.fam, s.object);
    assert_eq!(g.error(&s), Errno::EIO.0);
    g.close(&s);
    assert!(c.read(&mut [0; 1]).is_err(), "reset");
}

#[test]
fn connections_go_out() {
    let host = TcpListener::bind("0.0.0.0:0").expect("listens");
    let port = host.local_addr().expect("address").port();
    // The host is not the family's loopback: reach it by an address of its own, if it has one.
    let Some(own) = own_address() else { return };
    let mut g = Guest::new();
    let s = g.socket(AF_INET, SOCK_STREAM);
    let to = v4(&format!("{own}:{port}"));
    assert_eq!(g.on(&s, Op::Connect, &to).err(), Some(Errno::EINPROGRESS));
    assert_eq!(g.on(&s, Op::Connect, &to).err(), Some(Errno::EALREADY));
    let s = g.run_until(|g| Some(g.refreshed(&s)).filter(|i| i.state == ST_CONNECTED));
    assert!(g.events(g.slot()).contains(&s.object));
    let (mut peer, _) = host.accept().expect("accepted");
    g.write(&s, b"out");
    let mut buf = [0; 3];
    peer.read_exact(&mut buf).expect("received");
    peer.write_all(b"in").expect("sent");
    assert_eq!(g.run_until(|g| Some(g.read(&s)).filter(|d| !d.is_empty())), b"in");
    drop(host);
    let t = g.socket(AF_INET, SOCK_STREAM);
    assert_eq!(g.on(&t, Op::Connect, &to).err(), Some(Errno::EINPROGRESS));
    g.run_until(|g| (g.refreshed(&t).state == ST_REFUSED).then_some(()));
    assert_eq!(g.error(&t), Errno::ECONNREFUSED.0);
}

/// An address of this host apart from loopback.
fn own_address() -> Option<std::net::IpAddr> {
    let s = UdpSocket::bind("0.0.0.0:0").ok()?;
    s.connect("192.0.2.1:9").ok()?;
    s.local_addr().ok().map(|a| a.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}

#[test]
fn datagrams_of_a_published_port() {
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|s| s.local_addr()).expect("a port").port();
    let mut g = Guest::publishing(vec![publish(port, 53, true)]);
    let s = g.socket(AF_INET, SOCK_DGRAM);
    g.on(&s, Op::Bind, &v4("0.0.0.0:53")).expect("bound");
    let c = UdpSocket::bind("127.0.0.1:0").expect("client");
    c.set_read_timeout(Some(Duration::from_secs(2))).expect("timeout");
    c.send_to(b"question", ("127.0.0.1", port)).expect("sent");
    let view = g.view(&s);
    let ring = Ring::new(&*view, 0, s.ring_cap);
    let front = g.run_until(|_| vfs::record::front(&ring).expect("sound"));
    let mut from = [0; 16];
    front.read_addr(&ring, &mut from).expect("a source");
    assert_eq!(from[2..4], c.local_addr().expect("address").port().to_be_bytes());
    // The client is on the host's loopback, which is not the family's own.
    assert_eq!(from[4..8], [198, 18, 0, 1]);
    let answer = [&from[..], b"answer"].concat();
    g.call(Op::SendTo, &[s.desc.into(), 0, 16], &answer).expect("sent");
    let mut buf = [0; 16];
    let n = c.recv(&mut buf).expect("answered");
    assert_eq!(&buf[..n], b"answer");
}
