//! The line discipline against what a Linux terminal does.

use abi::ioctl::*;
use abi::signal::{SIGINT, SIGQUIT, SIGTSTP};
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

use super::*;

const NOW: Clocked = Clocked { now: 1_000_000_000, since: 1_000_000_000, nonblock: false };

fn type_in(tty: &mut Tty, bytes: &[u8]) -> Vec<i32> {
    let mut effects = Effects::default();
    assert_eq!(tty.receive(bytes, 0, &mut effects), bytes.len());
    effects.signals().collect()
}

fn shown(tty: &mut Tty) -> Vec<u8> {
    let mut buf = vec![0; OUTPUT_MAX];
    let n = tty.master_read(&mut buf).unwrap_or(0);
    buf.truncate(n);
    buf
}

fn line(tty: &mut Tty) -> Got {
    tty.read(4096, NOW)
}

fn bytes(b: &[u8]) -> Got {
    Got::Bytes(b.to_vec())
}

fn with(change: impl FnOnce(&mut Termios)) -> Tty {
    let mut tty = Tty::new();
    let mut t = tty.termios();
    change(&mut t);
    tty.set_termios(t);
    tty
}

#[test]
fn lines_are_edited_and_echoed() {
    let mut tty = Tty::new();
    type_in(&mut tty, b"helo\x7flo");
    assert_eq!(line(&mut tty), Got::Wait(None));
    assert!(!tty.readable());
    type_in(&mut tty, b"\r");
    assert_eq!(shown(&mut tty), b"helo\x08 \x08lo\r\n");
    assert_eq!(tty.input_len(), 6);
    assert_eq!(line(&mut tty), bytes(b"hello\n"));
    type_in(&mut tty, b"one two\x17three\x15x\n");
    assert_eq!(line(&mut tty), bytes(b"x\n"));
}

#[test]
fn reads_are_of_one_line_at_most() {
    let mut tty = Tty::new();
    type_in(&mut tty, b"a\nbcd\n");
    assert_eq!(line(&mut tty), bytes(b"a\n"));
    assert_eq!(tty.read(2, NOW), bytes(b"bc"));
    assert_eq!(line(&mut tty), bytes(b"d\n"));
    assert_eq!(line(&mut tty), Got::Wait(None));
}

#[test]
fn end_of_file() {
    let mut tty = Tty::new();
    type_in(&mut tty, b"ab\x04\x04");
    assert_eq!(tty.read(2, NOW), bytes(b"ab"), "the end of file goes with the bytes that fit exactly");
    assert_eq!(line(&mut tty), bytes(b""));
    assert_eq!(line(&mut tty), Got::Wait(None));
    assert_eq!(shown(&mut tty), b"ab");
}

#[test]
fn signals_flush_what_was_typed() {
    let mut tty = Tty::new();
    assert_eq!(type_in(&mut tty, b"abc\x03"), [SIGINT]);
    assert_eq!(shown(&mut tty), b"^C");
    assert_eq!(type_in(&mut tty, b"\x1c\x1a"), [SIGQUIT, SIGTSTP]);
    type_in(&mut tty, b"x\n");
    assert_eq!(line(&mut tty), bytes(b"x\n"));
    let mut raw = with(|t| t.c_lflag &= !(ISIG | ICANON | ECHO));
    assert_eq!(type_in(&mut raw, b"\x03"), [0; 0]);
    assert_eq!(line(&mut raw), bytes(b"\x03"));
}

#[test]
fn literal_next() {
    let mut tty = Tty::new();
    assert_eq!(type_in(&mut tty, b"\x16\x03\n"), [0; 0]);
    assert_eq!(shown(&mut tty), b"^\x08^C\r\n");
    assert_eq!(line(&mut tty), bytes(b"\x03\n"));
}

#[test]
fn a_tab_is_erased_to_its_start() {
    let mut tty = Tty::new();
    type_in(&mut tty, b"ab\t");
    shown(&mut tty);
    type_in(&mut tty, b"\x7f");
    assert_eq!(shown(&mut tty), [8; 6]);
}

#[test]
fn multibyte_characters_are_erased_whole() {
    let mut tty = with(|t| t.c_iflag |= IUTF8);
    type_in(&mut tty, "aä\x7fb\n".as_bytes());
    assert_eq!(line(&mut tty), bytes(b"ab\n"));
    assert_eq!(shown(&mut tty), "aä\x08 \x08b\r\n".as_bytes());
}

#[test]
fn flow_control_stops_writers() {
    let mut tty = Tty::new();
    type_in(&mut tty, b"\x13");
    assert_eq!((tty.transmit(b"x"), tty.can_transmit()), (0, false));
    type_in(&mut tty, b"\x11");
    assert_eq!(tty.transmit(b"x\ty\n"), 4);
    assert_eq!(shown(&mut tty), b"x\ty\r\n");
    tty.set_stopped_by_program(true);
    type_in(&mut tty, b"\x11");
    assert!(tty.stopped(), "typing does not undo TCOOFF");
    tty.set_stopped_by_program(false);
    assert!(!tty.stopped());
}

#[test]
fn expanded_tabs() {
    let mut tty = with(|t| t.c_oflag |= XTABS);
    tty.transmit(b"abc\td");
    assert_eq!(shown(&mut tty), b"abc     d");
}

#[test]
fn minimum_and_time() {
    let raw = |min, time| {
        with(|t| {
            t.c_lflag &= !(ICANON | ECHO);
            t.c_cc[VMIN] = min;
            t.c_cc[VTIME] = time;
        })
    };
    let mut tty = raw(0, 0);
    assert_eq!(line(&mut tty), bytes(b""));
    let mut tty = raw(3, 0);
    type_in(&mut tty, b"ab");
    assert_eq!((line(&mut tty), tty.readable()), (Got::Wait(None), false));
    assert_eq!(tty.read(2, NOW), bytes(b"ab"), "no more than fits is waited for");
    type_in(&mut tty, b"c");
    assert_eq!(tty.read(9, Clocked { nonblock: true, ..NOW }), bytes(b"c"));
    let mut tty = raw(0, 5);
    assert_eq!(line(&mut tty), Got::Wait(Some(1_500_000_000)));
    assert_eq!(tty.read(9, Clocked { now: 1_500_000_000, ..NOW }), bytes(b""));
    let mut tty = raw(3, 5);
    assert_eq!(line(&mut tty), Got::Wait(None));
    tty.receive(b"a", 1_200_000_000, &mut Effects::default());
    assert_eq!(line(&mut tty), Got::Wait(Some(1_700_000_000)));
    assert_eq!(tty.read(9, Clocked { now: 1_700_000_000, ..NOW }), bytes(b"a"));
}

#[test]
fn switching_modes_keeps_what_was_typed() {
    let mut tty = with(|t| t.c_lflag &= !ICANON);
    type_in(&mut tty, b"abc");
    let mut t = tty.termios();
    t.c_lflag |= ICANON;
    tty.set_termios(t);
    assert_eq!(line(&mut tty), bytes(b"abc"));
    type_in(&mut tty, b"de\x04");
    t.c_lflag &= !ICANON;
    tty.set_termios(t);
    assert_eq!(line(&mut tty), bytes(b"de\0"));
}

#[test]
fn packet_mode_reports() {
    let mut tty = Tty::new();
    tty.set_packet_mode(true);
    tty.transmit(b"x");
    assert_eq!(shown(&mut tty), b"\0x");
    type_in(&mut tty, b"\x13");
    assert!(tty.packet_status());
    assert_eq!(shown(&mut tty), [TIOCPKT_STOP]);
    tty.flush(FlushQueues::Both);
    assert_eq!(shown(&mut tty), [TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE]);
}

#[test]
fn a_line_that_is_too_long_can_still_be_ended() {
    let mut tty = Tty::new();
    type_in(&mut tty, &[b'x'; 5000]);
    type_in(&mut tty, b"\n");
    let Got::Bytes(b) = tty.read(9999, NOW) else { panic!("no line") };
    assert_eq!((b.len(), b.last()), (INPUT_MAX, Some(&b'\n')));
}

proptest! {
    /// In raw mode both directions carry every byte unchanged, whatever the pieces.
    #[test]
    fn raw_is_transparent(data in proptest::collection::vec(any::<u8>(), 0..9000), piece in 1usize..5000) {
        let mut tty = with(|t| {
            (t.c_iflag, t.c_oflag, t.c_lflag) = (0, 0, 0);
        });
        let (mut sent, mut got) = (0, Vec::new());
        while got.len() < data.len() {
            let to = data.len().min(sent + piece);
            sent += tty.receive(&data[sent..to], 0, &mut Effects::default());
            if let Got::Bytes(b) = tty.read(piece, NOW) {
                got.extend(b);
            }
        }
        prop_assert_eq!(&got, &data);
        let (mut sent, mut got) = (0, Vec::new());
        while got.len() < data.len() {
            sent += tty.transmit(&data[sent..]);
            got.extend(shown(&mut tty));
        }
        prop_assert_eq!(&got, &data);
    }

    /// No input, under any attributes, breaks an invariant or the queues' bounds.
    #[test]
    fn anything_may_be_typed(
        flags in any::<(u32, u32, u32)>(),
        cc in any::<[u8; NCCS]>(),
        steps in proptest::collection::vec((0u8..5, proptest::collection::vec(any::<u8>(), 0..300)), 0..60),
    ) {
        let mut tty = Tty::new();
        for (what, bytes) in steps {
            match what {
                0 => tty.set_termios(Termios { c_iflag: flags.0, c_oflag: flags.1, c_lflag: flags.2, c_cc: cc, ..tty.termios() }),
                1 => drop(tty.read(bytes.len(), NOW)),
                2 => drop(tty.transmit(&bytes)),
                3 => drop(shown(&mut tty)),
                _ => drop(tty.receive(&bytes, 0, &mut Effects::default())),
            }
            prop_assert!(tty.input.len() <= INPUT_MAX && tty.output.len() <= OUTPUT_MAX);
            prop_assert!(tty.committed <= tty.input.len());
        }
    }
}
