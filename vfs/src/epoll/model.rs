//! Epoll against a model of items: what is ready, and what was told already; epoll(7).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use abi::fs::{O_RDWR, PIPE_BUF};
use abi::poll::*;
use platform::RegionView;
use proptest::prelude::*;

use crate::epoll::Epoll;
use crate::file::OpenFile;
use crate::io::IoBuf;
use crate::lab::{Lab, PIPE};

const PIPES: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Put(usize, usize),
    Take(usize, usize),
    /// An end's only descriptor is closed.
    Close(usize, usize),
    /// An event without a change.
    Spurious(usize),
    Ctl {
        instance: usize,
        item: usize,
        action: u8,
        events: u32,
    },
    Wait(usize),
    /// As in the child of a fork: what was armed was armed for another.
    Fork,
}

fn events() -> impl Strategy<Value = u32> {
    let ready = prop_oneof![4 => Just(EPOLLIN), 1 => Just(EPOLLIN | EPOLLRDHUP), 1 => Just(0)];
    let way = prop_oneof![
        3 => Just(0),
        3 => Just(EPOLLET),
        2 => Just(EPOLLONESHOT),
        1 => Just(EPOLLET | EPOLLONESHOT),
        1 => Just(EPOLLEXCLUSIVE),
    ];
    (ready, way).prop_map(|(r, w)| r | w)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let pipe = || 0..PIPES;
    let ctl = (0..2usize, 0..2 * PIPES, 0..3u8, events())
        .prop_map(|(instance, item, action, events)| Step::Ctl { instance, item, action, events });
    proptest::collection::vec(
        prop_oneof![
            4 => (pipe(), 1..3 * PIPE_BUF).prop_map(|(i, n)| Step::Put(i, n)),
            4 => (pipe(), 1..3 * PIPE_BUF).prop_map(|(i, n)| Step::Take(i, n)),
            1 => (pipe(), 0..2usize).prop_map(|(i, end)| Step::Close(i, end)),
            1 => pipe().prop_map(Step::Spurious),
            6 => ctl,
            6 => (0..2usize).prop_map(Step::Wait),
            1 => Just(Step::Fork),
        ],
        0..80,
    )
}

/// A pipe as poll(2) sees it.
struct Pipe {
    /// The read end and the write end, until they are closed.
    ends: [Option<Arc<OpenFile>>; 2],
    view: RegionView,
    used: usize,
}

impl Pipe {
    fn ready(&self, end: usize) -> u32 {
        let bit = |on: bool, bits: u32| if on { bits } else { 0 };
        if end == 0 {
            bit(self.used > 0, EPOLLIN) | bit(self.ends[1].is_none(), EPOLLHUP)
        } else {
            let room = PIPE as usize - self.used >= PIPE_BUF;
            let closed = self.ends[0].is_none();
            bit(room || closed, EPOLLOUT) | bit(closed, EPOLLERR)
        }
    }
}

/// An item; items of an instance are numbered: the read ends, then the write ends.
struct Item {
    events: u32,
    disabled: bool,
    /// Something happened since it was looked at last.
    news: bool,
}

struct Model {
    pipes: Vec<Pipe>,
    items: [BTreeMap<usize, Item>; 2],
}

impl Model {
    fn tell(&mut self, item: usize) {
        for list in &mut self.items {
            if let Some(i) = list.get_mut(&item) {
                i.news = true;
            }
        }
    }

    fn wait(&mut self, instance: usize) -> Vec<(u64, u32)> {
        let mut told = Vec::new();
        for (n, item) in &mut self.items[instance] {
            let want = item.events & (EPOLLIN | EPOLLOUT | EPOLLRDHUP) | EPOLLERR | EPOLLHUP;
            let ready = self.pipes[n % PIPES].ready(n / PIPES) & want;
            let edge = item.events & EPOLLET != 0;
            let news = std::mem::take(&mut item.news);
            if item.disabled || ready == 0 || edge && !news {
                continue;
            }
            item.disabled = item.events & EPOLLONESHOT != 0;
            told.push((*n as u64, ready));
        }
        told
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Level: as long as it is so. Edge: once for each change. One-shot: once until armed anew. Two instances that watch
    /// the same pipes do not take anything from each other.
    #[test]
    fn items_tell_what_they_should(steps in steps()) {
        let lab = Lab::new();
        let files = [0, 1].map(|_| OpenFile::local(lab.host, Epoll::new(lab.host), O_RDWR));
        let instances = [0, 1].map(|i: usize| Epoll::of(&files[i]).expect("an instance"));
        let pipe = |_| {
            let (r, w, view) = lab.pipe();
            Pipe { ends: [Some(r), Some(w)], view, used: 0 }
        };
        let mut model = Model { pipes: (0..PIPES).map(pipe).collect(), items: Default::default() };
        for step in steps {
            match step {
                Step::Put(i, n) => {
                    let p = &mut model.pipes[i];
                    let Some(end) = &p.ends[1] else { continue };
                    let put = end.write(&mut IoBuf::source(&vec![1; n])).unwrap_or(0);
                    p.used += put;
                    if put > 0 { model.tell(i); }
                }
                Step::Take(i, n) => {
                    let p = &mut model.pipes[i];
                    let Some(end) = &p.ends[0] else { continue };
                    p.used -= end.read(&mut IoBuf::target(&mut vec![0; n])).unwrap_or(0);
                }
                Step::Close(i, end) => {
                    let p = &mut model.pipes[i];
                    let Some(file) = p.ends[end].take() else { continue };
                    if end == 0 { lab.no_reader(&file, &p.view) } else { lab.no_writer(&file, &p.view) }
                    for list in &mut model.items {
                        list.remove(&(end * PIPES + i));
                    }
                    model.tell((1 - end) * PIPES + i);
                }
                Step::Spurious(i) => {
                    let end = model.pipes[i].ends.iter().flatten().next();
                    end.into_iter().for_each(|e| lab.host.changed(e.info().object));
                }
                Step::Ctl { instance, item, action, events } => {
                    let Some(file) = &model.pipes[item % PIPES].ends[item / PIPES] else { continue };
                    // The write ends are watched by level: when a reader makes room for them is the pipe's affair.
                    let events = if item < PIPES { events } else { EPOLLOUT | events & EPOLLONESHOT };
                    let event = EpollEvent { events, data: item as u64 };
                    let (epoll, list) = (instances[instance], &mut model.items[instance]);
                    let known = list.get(&item).map(|i| i.events);
                    let fresh = Item { events, disabled: false, news: true };
                    match action {
                        0 => {
                            let got = epoll.add(item as i32, file, event);
                            prop_assert_eq!(got.is_ok(), known.is_none()
                                && (events & EPOLLEXCLUSIVE == 0 || EpollEvents::EXCLUSIVE_OK.bits() & events == events));
                            if got.is_ok() { list.insert(item, fresh); }
                        }
                        1 => {
                            let got = epoll.modify(item as i32, file, event);
                            let exclusive = (known.unwrap_or(0) | events) & EPOLLEXCLUSIVE != 0;
                            prop_assert_eq!(got.is_ok(), known.is_some() && !exclusive);
                            if got.is_ok() { list.insert(item, fresh); }
                        }
                        _ => {
                            prop_assert_eq!(epoll.remove(item as i32, file).is_ok(), known.is_some());
                            list.remove(&item);
                        }
                    }
                }
                Step::Wait(instance) => {
                    lab.deliver();
                    let mut got = Vec::new();
                    let n = instances[instance].collect(99, &mut |e| {
                        got.push(({ e.data }, { e.events }));
                        Ok(())
                    });
                    prop_assert_eq!(n, Ok(got.len()));
                    got.sort_unstable();
                    prop_assert_eq!(got, model.wait(instance));
                }
                Step::Fork => lab.host.next_epoch(),
            }
            lab.deliver();
        }
    }
}
