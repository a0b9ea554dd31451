//! Tests of open files on the fake platform.

use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use abi::Errno;
use abi::fs::{O_APPEND, O_RDWR, PIPE_BUF, SEEK_CUR, SEEK_END, SEEK_SET};
use abi::poll::PollEvents;
use platform::Machine;
use proptest::prelude::*;
use protocol::{Op, SharedMem};

use super::OpenFile;
use crate::io::IoBuf;
use crate::lab::{Lab, PIPE};

const IN: PollEvents = PollEvents::POLLIN.union(PollEvents::POLLRDNORM);
const OUT: PollEvents = PollEvents::POLLOUT.union(PollEvents::POLLWRNORM);

fn read(file: &OpenFile, n: usize) -> Result<Vec<u8>, Errno> {
    let mut buf = vec![0; n];
    let got = file.read(&mut IoBuf::target(&mut buf))?;
    buf.truncate(got);
    Ok(buf)
}

fn write(file: &OpenFile, bytes: &[u8]) -> Result<usize, Errno> {
    file.write(&mut IoBuf::source(bytes))
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Read(usize),
    NoWriter,
    NoReader,
}

fn pipe_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..3 * PIPE_BUF).prop_map(Step::Write),
        8 => (0..3 * PIPE_BUF).prop_map(Step::Read),
        1 => Just(Step::NoWriter),
        1 => Just(Step::NoReader),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    /// A pipe is a queue of bytes with a bound; writes up to PIPE_BUF are whole or not at all; pipe(7).
    #[test]
    fn a_pipe_is_a_bounded_queue(steps in pipe_steps()) {
        let lab = Lab::new();
        let (r, w, view) = lab.pipe();
        let (mut model, mut next) = (std::collections::VecDeque::new(), 0u8);
        let (mut writers, mut readers) = (true, true);
        for step in steps {
            match step {
                Step::Write(n) => {
                    let bytes: Vec<u8> = (0..n).map(|i| next.wrapping_add(i as u8)).collect();
                    let room = PIPE as usize - model.len();
                    let want = match n {
                        0 => Ok(0),
                        _ if !readers => Err(Errno::EPIPE),
                        n if n <= PIPE_BUF && n > room => Err(Errno::EAGAIN),
                        _ if room == 0 => Err(Errno::EAGAIN),
                        n => Ok(n.min(room)),
                    };
                    prop_assert_eq!(write(&w, &bytes), want);
                    let n = want.unwrap_or(0);
                    model.extend(&bytes[..n]);
                    next = next.wrapping_add(n as u8);
                }
                Step::Read(n) => {
                    let want = match (n, model.len()) {
                        (0, _) => Ok(0),
                        (_, 0) if writers => Err(Errno::EAGAIN),
                        (n, have) => Ok(n.min(have)),
                    };
                    let got = read(&r, n);
                    prop_assert_eq!(got.as_ref().map(Vec::len).map_err(|e| *e), want);
                    let expected: Vec<u8> = model.drain(..want.unwrap_or(0)).collect();
                    prop_assert_eq!(got.unwrap_or_default(), expected);
                }
                Step::NoWriter => { lab.no_writer(&w, &view); writers = false; }
                Step::NoReader => { lab.no_reader(&r, &view); readers = false; }
            }
            let pipe = r.as_pipe().expect("a pipe");
            prop_assert_eq!(pipe.readable_bytes(&r), Ok(model.len() as u32));
            let ready = r.poll(IN, false);
            prop_assert_eq!(ready.contains(IN), !model.is_empty());
            prop_assert_eq!(ready.contains(PollEvents::POLLHUP), !writers);
            let ready = w.poll(OUT, false);
            prop_assert_eq!(ready.contains(OUT), !readers || PIPE as usize - model.len() >= PIPE_BUF);
            prop_assert_eq!(ready.contains(PollEvents::POLLERR), !readers);
        }
    }
}

/// Words of a ring's header as another holder of the region may write them, but for the locks'.
fn lies() -> impl Strategy<Value = (usize, u32)> {
    let place =
        prop_oneof![Just(0), Just(64), Just(128), Just(132), Just(136), (0usize..1024).prop_map(|w| w * 4)];
    let value = prop_oneof![any::<u32>(), 0..2 * PIPE, 0..32u32];
    (place.prop_filter("no lock", |at| !matches!(at, 8 | 72)), value)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever another holder writes into the header, a call moves at most what there can be, or fails, and comes back.
    #[test]
    fn a_pipe_that_lies_is_broken(steps in proptest::collection::vec((lies(), 0..6u8, 0usize..20_000), 1..40)) {
        let lab = Lab::new();
        let (r, w, view) = lab.pipe();
        for ((at, value), what, n) in steps {
            view.u32_at(at).store(value, std::sync::atomic::Ordering::SeqCst);
            let pipe = r.as_pipe().expect("a pipe");
            let moved = match what {
                0 => read(&r, n).map(|v| v.len()),
                1 => write(&w, &vec![7; n]),
                2 => pipe.peek(&r, &mut IoBuf::target(&mut vec![0; n])),
                3 => pipe.skip(&r, n).map(|()| 0),
                4 => { r.poll(IN, false); pipe.readable_bytes(&r).map(|n| n as usize) }
                _ => { w.poll(OUT, false); w.as_pipe().expect("a pipe").room(&w) }
            };
            match moved {
                Ok(m) => prop_assert!(m <= PIPE as usize && (what > 2 || m <= n)),
                Err(e) => prop_assert!(matches!(e, Errno::EIO | Errno::EAGAIN | Errno::EPIPE), "{e:?}"),
            }
        }
    }
}

#[test]
fn a_lock_that_is_never_given_back_ends_in_eio() {
    let lab = Lab::new();
    let (r, w, view) = lab.pipe();
    write(&w, b"x").expect("room");
    view.u32_at(8).store(77, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&r, 1), Err(Errno::EIO));
    // The monitor breaks the lock when its holder dies: nothing is lost.
    view.u32_at(8).store(0, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(read(&r, 1), Ok(b"x".to_vec()));
}

#[test]
fn who_found_nothing_is_told() {
    let lab = Lab::new();
    let (r, w, _view) = lab.pipe();
    assert_eq!(read(&r, 1), Err(Errno::EAGAIN));
    lab.deliver();
    assert!(!platform::Events::pending(lab.fake));
    write(&w, b"x").expect("room");
    assert!(platform::Events::pending(lab.fake), "the reader was armed");
    lab.deliver();
    write(&w, b"y").expect("room");
    assert!(!platform::Events::pending(lab.fake), "once");
    // A writer that found no room, or less than it wanted, is told of room.
    assert_eq!(write(&w, &[0; 2 * PIPE as usize]), Ok(PIPE as usize - 2));
    lab.deliver();
    read(&r, 100).expect("bytes");
    assert!(platform::Events::pending(lab.fake));
}

#[test]
fn a_wrong_end_is_refused() {
    let lab = Lab::new();
    let (r, w, _view) = lab.pipe();
    assert_eq!(write(&r, b"x"), Err(Errno::EBADF));
    assert_eq!(read(&w, 1), Err(Errno::EBADF));
    assert_eq!(r.seek(0, SEEK_SET), Err(Errno::ESPIPE));
    assert_eq!(r.read_at(&mut IoBuf::target(&mut [0; 4]), 0), Err(Errno::ESPIPE));
}

#[test]
fn a_fault_keeps_what_was_moved() {
    let lab = Lab::new();
    let (r, w, _view) = lab.pipe();
    let page = 4096;
    let at = 0x10_0000;
    let anon = platform::Backing::Anon;
    lab.fake.map(at, page, platform::Prot::READ | platform::Prot::WRITE, anon).expect("memory");
    write(&w, &[7; 300]).expect("room");
    // 100 bytes before the page's end, then nothing.
    let mut io = IoBuf::user(lab.fake, at + page - 100, 300).expect("an app's address");
    assert_eq!(r.read(&mut io), Ok(100));
    let mut io = IoBuf::user(lab.fake, at + page, 300).expect("an app's address");
    assert_eq!(r.read(&mut io), Err(Errno::EFAULT));
    assert_eq!(read(&r, 300).map(|v| v.len()), Ok(200), "what could not be delivered is still there");
    let mut io = IoBuf::user(lab.fake, at + page - 10, 20).expect("an app's address");
    assert_eq!(w.write(&mut io), Ok(10));
    let mut io = IoBuf::user(lab.fake, at + page, 20).expect("an app's address");
    assert_eq!(w.write(&mut io), Err(Errno::EFAULT));
}

#[test]
fn eventfds_count() {
    let lab = Lab::new();
    let f = lab.eventfd(0);
    assert_eq!(read(&f, 8), Err(Errno::EAGAIN));
    assert_eq!(read(&f, 7), Err(Errno::EINVAL));
    assert_eq!(write(&f, &u64::MAX.to_ne_bytes()), Err(Errno::EINVAL));
    lab.deliver();
    assert_eq!(write(&f, &5u64.to_ne_bytes()), Ok(8));
    assert!(platform::Events::pending(lab.fake), "the reader was armed");
    assert_eq!(write(&f, &6u64.to_ne_bytes()), Ok(8));
    assert_eq!(f.poll(IN | OUT, false), IN | OUT);
    assert_eq!(read(&f, 8), Ok(11u64.to_ne_bytes().to_vec()));
    assert_eq!(write(&f, &(u64::MAX - 1).to_ne_bytes()), Ok(8));
    assert_eq!(write(&f, &1u64.to_ne_bytes()), Err(Errno::EAGAIN));
    assert_eq!(f.poll(IN | OUT, false), IN);
}

#[derive(Clone, Debug)]
enum FileStep {
    Read(usize),
    Write(usize),
    Seek(i64, u32),
    /// The description gets another holder, who moves the offset.
    Share(u64),
    /// The other holder is gone.
    Alone,
}

fn file_steps() -> impl Strategy<Value = Vec<FileStep>> {
    let step = prop_oneof![
        4 => (0usize..200).prop_map(FileStep::Read),
        4 => (0usize..200).prop_map(FileStep::Write),
        3 => (-100i64..300, 0u32..3).prop_map(|(off, whence)| FileStep::Seek(off, whence)),
        2 => (0u64..200).prop_map(FileStep::Share),
        2 => Just(FileStep::Alone),
    ];
    proptest::collection::vec(step, 0..40)
}

proptest! {
    /// However the offset wanders between member and monitor, the file behaves as one with one offset.
    #[test]
    fn delegation_is_not_seen(steps in file_steps(), append in any::<bool>()) {
        let lab = Lab::new();
        let flags = O_RDWR | if append { O_APPEND } else { 0 };
        let start: Vec<u8> = (0..=255).collect();
        let f = lab.file(&start, flags);
        let (mut data, mut at, mut shared) = (start, 0u64, false);
        for (i, step) in steps.into_iter().enumerate() {
            match step {
                FileStep::Read(n) => {
                    let want: Vec<u8> = data.iter().skip(at as usize).take(n).copied().collect();
                    at += want.len() as u64;
                    prop_assert_eq!(read(&f, n), Ok(want));
                }
                FileStep::Write(n) => {
                    let bytes = vec![i as u8; n];
                    if n > 0 {
                        let from = if append { data.len() } else { at as usize };
                        data.resize(data.len().max(from + n), 0);
                        data[from..from + n].copy_from_slice(&bytes);
                        at = (from + n) as u64;
                    }
                    prop_assert_eq!(write(&f, &bytes), Ok(n));
                }
                FileStep::Seek(off, whence) => {
                    let base = match whence { SEEK_SET => 0, SEEK_CUR => at as i64, _ => data.len() as i64 };
                    let want = u64::try_from(base + off).map_err(|_| Errno::EINVAL);
                    at = want.unwrap_or(at);
                    prop_assert_eq!(f.seek(off, whence), want);
                }
                FileStep::Share(to) => {
                    if !shared {
                        // As before fork(2).
                        f.recall();
                        lab.publish(f.desc(), flags, 2);
                    }
                    shared = true;
                    at = to;
                    lab.with_file(&f, |f| f.offset = to);
                }
                FileStep::Alone => {
                    lab.publish(f.desc(), flags, 1);
                    shared = false;
                }
            }
            prop_assert_eq!(f.seek(0, SEEK_CUR), Ok(at));
        }
        prop_assert_eq!(lab.with_file(&f, |f| f.data.clone()), data);
    }
}

#[test]
fn a_sole_holder_names_offsets_itself() {
    let lab = Lab::new();
    let f = lab.file(b"0123456789", O_RDWR);
    read(&f, 3).expect("bytes");
    f.seek(1, SEEK_CUR).expect("a place");
    assert_eq!(read(&f, 2), Ok(b"45".to_vec()));
    assert_eq!(lab.requests(), [Op::PRead, Op::PRead]);
    f.recall();
    lab.publish(f.desc(), O_RDWR, 2);
    assert_eq!(read(&f, 2), Ok(b"67".to_vec()));
    assert_eq!(lab.requests(), [Op::Recall, Op::Read]);
    lab.publish(f.desc(), O_RDWR, 1);
    assert_eq!(read(&f, 2), Ok(b"89".to_vec()));
    assert_eq!(lab.requests(), [Op::TakeOffset, Op::PRead]);
    assert_eq!(f.seek(-4, SEEK_END), Ok(6));
}

#[test]
fn the_size_limit_stops_writes() {
    let lab = Lab::new();
    let f = lab.file(b"", O_RDWR);
    let limited = |bytes: &[u8]| {
        let mut io = IoBuf::source(bytes);
        io.file_limit = 5;
        f.write(&mut io)
    };
    assert_eq!(limited(b"123"), Ok(3));
    assert_eq!(limited(b"4567"), Ok(2));
    assert_eq!(limited(b"x"), Err(Errno::EFBIG));
    assert_eq!(lab.with_file(&f, |f| f.data.clone()), b"12345");
}

#[test]
fn a_description_is_closed_once() {
    let lab = Lab::new();
    let f = lab.file(b"", O_RDWR);
    let desc = f.desc();
    let again = f.clone();
    drop(f);
    assert!(lab.closed().is_empty());
    drop(again);
    assert_eq!(lab.closed(), [desc]);
    let given: Arc<OpenFile> = lab.file(b"", O_RDWR);
    given.give_away();
    drop(given);
    assert_eq!(lab.closed(), [desc]);
}
