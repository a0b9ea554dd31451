//! Tests of epoll on the fake platform.

use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use abi::Errno;
use abi::fs::O_RDWR;
use abi::poll::*;
use proptest::prelude::*;

use crate::epoll::Epoll;
use crate::file::OpenFile;
use crate::io::IoBuf;
use crate::lab::Lab;

struct Watched {
    lab: Lab,
    file: Arc<OpenFile>,
}

fn event(events: u32, data: u64) -> EpollEvent {
    EpollEvent { events, data }
}

impl Watched {
    fn new() -> Self {
        let lab = Lab::new();
        let file = OpenFile::local(lab.host, Epoll::new(lab.host), O_RDWR);
        Self { lab, file }
    }

    fn epoll(&self) -> &Epoll {
        Epoll::of(&self.file).expect("an instance")
    }

    /// What epoll_wait(2) with timeout 0 reports.
    fn ready(&self, max: usize) -> Vec<(u64, u32)> {
        self.lab.deliver();
        let mut got = Vec::new();
        let n = self.epoll().collect(max, &mut |e| {
            got.push(({ e.data }, { e.events }));
            Ok(())
        });
        assert_eq!(n, Ok(got.len()));
        got
    }
}

fn put(file: &OpenFile, n: usize) {
    assert_eq!(file.write(&mut IoBuf::source(&vec![1; n])), Ok(n));
}

fn take(file: &OpenFile, n: usize) -> usize {
    file.read(&mut IoBuf::target(&mut vec![0; n])).unwrap_or(0)
}

#[test]
fn level_reports_as_long_as_it_is_so() {
    let w = Watched::new();
    let (r, p, view) = w.lab.pipe();
    w.epoll().add(3, &r, event(EPOLLIN, 7)).expect("added");
    assert_eq!(w.epoll().add(3, &r, event(EPOLLIN, 7)), Err(Errno::EEXIST));
    assert_eq!(w.ready(9), []);
    put(&p, 2);
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
    take(&r, 2);
    assert_eq!(w.ready(9), []);
    put(&p, 1);
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
    w.epoll().modify(3, &r, event(0, 8)).expect("modified");
    assert_eq!(w.ready(9), []);
    w.lab.no_writer(&p, &view);
    assert_eq!(w.ready(9), [(8, EPOLLHUP)], "unasked");
    w.epoll().remove(3, &r).expect("removed");
    assert_eq!(w.epoll().remove(3, &r), Err(Errno::ENOENT));
    assert_eq!(w.ready(9), []);
}

#[test]
fn edge_reports_once_for_each_change() {
    let w = Watched::new();
    let (r, p, _view) = w.lab.pipe();
    w.epoll().add(3, &r, event(EPOLLIN | EPOLLET, 7)).expect("added");
    put(&p, 2);
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
    assert_eq!(w.ready(9), []);
    put(&p, 1);
    assert_eq!(w.ready(9), [(7, EPOLLIN)], "new bytes, though the old ones are still there");
    w.lab.host.changed(r.info().object);
    assert_eq!(w.ready(9), [], "an event without a change");
    w.epoll().modify(3, &r, event(EPOLLIN | EPOLLET, 7)).expect("modified");
    assert_eq!(w.ready(9), [(7, EPOLLIN)], "armed anew");
}

#[test]
fn oneshot_waits_to_be_armed() {
    let w = Watched::new();
    let (r, p, _view) = w.lab.pipe();
    w.epoll().add(3, &r, event(EPOLLIN | EPOLLONESHOT, 7)).expect("added");
    put(&p, 1);
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
    put(&p, 1);
    assert_eq!(w.ready(9), []);
    w.epoll().modify(3, &r, event(EPOLLIN | EPOLLONESHOT, 7)).expect("modified");
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
}

#[test]
fn a_writer_is_told_of_room() {
    let w = Watched::new();
    let (r, p, _view) = w.lab.pipe();
    w.epoll().add(4, &p, event(EPOLLOUT | EPOLLET, 1)).expect("added");
    assert_eq!(w.ready(9), [(1, EPOLLOUT)]);
    put(&p, crate::lab::PIPE as usize);
    assert_eq!(w.ready(9), []);
    assert_eq!(p.write(&mut IoBuf::source(&[0; 9])), Err(Errno::EAGAIN));
    take(&r, 5000);
    assert_eq!(w.ready(9), [(1, EPOLLOUT)]);
}

#[test]
fn a_closed_file_is_not_watched() {
    let w = Watched::new();
    let (r, p, _view) = w.lab.pipe();
    let duplicate = r.clone();
    w.epoll().add(3, &r, event(EPOLLIN, 7)).expect("added");
    put(&p, 1);
    drop(r);
    assert_eq!(w.ready(9), [(7, EPOLLIN)], "another descriptor keeps it open");
    drop(duplicate);
    assert_eq!(w.ready(9), []);
    // The number can be used again at once.
    let (r, p, _view) = w.lab.pipe();
    w.epoll().add(3, &r, event(EPOLLIN, 8)).expect("added");
    put(&p, 1);
    assert_eq!(w.ready(9), [(8, EPOLLIN)]);
}

#[test]
fn each_descriptor_is_its_own_item() {
    let w = Watched::new();
    let (r, p, _view) = w.lab.pipe();
    w.epoll().add(3, &r, event(EPOLLIN, 3)).expect("added");
    w.epoll().add(5, &r, event(EPOLLIN, 5)).expect("added");
    put(&p, 1);
    let mut got = w.ready(9);
    got.sort_unstable();
    assert_eq!(got, [(3, EPOLLIN), (5, EPOLLIN)]);
}

#[test]
fn instances_watch_instances_but_not_in_circles() {
    let outer = Watched::new();
    let host = outer.lab.host;
    let inner = OpenFile::local(host, Epoll::new(host), O_RDWR);
    let (r, p, _view) = outer.lab.pipe();
    Epoll::of(&inner).expect("an instance").add(3, &r, event(EPOLLIN, 1)).expect("added");
    outer.epoll().add(4, &inner, event(EPOLLIN, 2)).expect("added");
    assert_eq!(outer.ready(9), []);
    put(&p, 1);
    assert_eq!(outer.ready(9), [(2, EPOLLIN)]);
    take(&r, 1);
    assert_eq!(outer.ready(9), []);
    let circle = Epoll::of(&inner).expect("an instance").add(5, &outer.file, event(EPOLLIN, 3));
    assert_eq!(circle, Err(Errno::ELOOP));
    assert_eq!(outer.epoll().add(6, &outer.file, event(EPOLLIN, 3)), Err(Errno::EINVAL));
    let exclusive = outer.epoll().add(7, &inner, event(EPOLLIN | EPOLLEXCLUSIVE, 3));
    assert_eq!(exclusive, Err(Errno::EINVAL));
}

#[test]
fn after_a_fork_everything_is_looked_at() {
    let w = Watched::new();
    let (r, p, _view) = w.lab.pipe();
    w.epoll().add(3, &r, event(EPOLLIN | EPOLLET, 7)).expect("added");
    assert_eq!(w.ready(9), []);
    // The child: what was armed was armed for its parent.
    w.lab.host.next_epoch();
    assert_eq!(w.ready(9), []);
    put(&p, 1);
    assert_eq!(w.ready(9), [(7, EPOLLIN)]);
}

#[derive(Clone, Debug)]
enum Step {
    Put(usize, usize),
    Take(usize, usize),
    Wait(usize),
}

proptest! {
    /// Level-triggered: in rounds of any size every readable pipe is reported, no other one, and none is left out for ever.
    #[test]
    fn level_is_what_is_readable(steps in proptest::collection::vec(prop_oneof![
        (0usize..5, 1usize..9).prop_map(|(i, n)| Step::Put(i, n)),
        (0usize..5, 1usize..9).prop_map(|(i, n)| Step::Take(i, n)),
        (1usize..6).prop_map(Step::Wait),
    ], 0..60)) {
        let w = Watched::new();
        let pipes: Vec<_> = (0..5).map(|_| w.lab.pipe()).collect();
        for (i, (r, _, _)) in pipes.iter().enumerate() {
            w.epoll().add(i as i32, r, event(EPOLLIN, i as u64)).expect("added");
        }
        let mut model = [0usize; 5];
        for step in steps {
            match step {
                Step::Put(i, n) => { put(&pipes[i].1, n); model[i] += n; }
                Step::Take(i, n) => { model[i] -= take(&pipes[i].0, n); }
                Step::Wait(max) => {
                    let want: Vec<u64> = (0..5).filter(|i| model[*i] > 0).map(|i| i as u64).collect();
                    let mut seen = Vec::new();
                    // As many rounds as it takes to come round once.
                    for _ in 0..5 {
                        let got = w.ready(max);
                        prop_assert!(got.len() <= max);
                        prop_assert!(got.iter().all(|(i, e)| want.contains(i) && *e == EPOLLIN));
                        seen.extend(got.into_iter().map(|(i, _)| i));
                    }
                    seen.sort_unstable();
                    seen.dedup();
                    prop_assert_eq!(seen, want);
                }
            }
        }
    }
}
