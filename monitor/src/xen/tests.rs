//! The backend against a hypervisor in memory; the tests play the members, honest ones and others.

use std::rc::Rc;
use std::sync::atomic::Ordering;

use abi::Errno;
use proptest::prelude::*;
use protocol::SharedMem;
use protocol::control::Request;
use protocol::xen::*;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::domain::Role;
use super::fake::{CODE, Fake};
use super::host::Host;
use super::hyper::Hypervisor;
use super::{attend, doors_rang};
use crate::backend::{Backend, Place, Vm};
use crate::call::Call;
use crate::config::{Config, Platform};
use crate::events::Bell;
use crate::family::Family;
use crate::mapping::{Mapped, Pages};
use crate::procs::State;
use crate::regions::Memory;

mod commons;
mod hostile;

struct Guest {
    fake: Fake,
    fam: Family,
    /// Slot, pid and domain of the first member.
    first: (u32, u32, u32),
}

/// A window that the test looks at a domain's memory through.
struct Look(Rc<dyn super::window::Window>);

impl Pages for Look {
    fn base(&self) -> std::ptr::NonNull<u8> {
        self.0.base()
    }
    fn size(&self) -> usize {
        self.0.len()
    }
    fn need(&self, _off: usize, _len: usize) {}
}

impl Guest {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self::on(Fake::new(), config)
    }

    fn on(fake: Fake, config: Config) -> Self {
        let config = Config { name: "t".into(), platform: Platform::Xen, ..config };
        let host = Box::new(Host::with(Rc::new(fake.clone()), &config).expect("a holder"));
        let parts = (Memory::Holder(host.holder()), Bell::Ports(host.ports()));
        let mut fam = Family::over(config, (Backend::Xen(host), parts.0, parts.1)).expect("a family");
        let member = fam.test_member();
        let m = fam.members.get(member.slot).expect("a member");
        let (pid, place) = (m.main, Place { slot: member.slot, generation: m.generation });
        let Backend::Xen(host) = &mut fam.backend else { unreachable!() };
        let domain = fake.domains().pop().expect("a domain");
        let control =
            super::Pages::memory(&host.holder(), protocol::control::REGION_SIZE as u64).expect("memory");
        let control = crate::regions::Backing::Held(control);
        host.start(domain, place, &control, fam.events.backing()).expect("started");
        fam.adopt(member.slot, Vm::Domain(domain)).expect("adopted");
        Self { fake, fam, first: (member.slot, pid, domain) }
    }

    fn host(&mut self) -> &mut Host {
        match &mut self.fam.backend {
            Backend::Xen(host) => host,
            Backend::Hosted(_) => unreachable!(),
        }
    }

    fn door(&self, domain: u32) -> Mapped {
        let window = self.fake.window(DOOR_PAGES).expect("a window");
        let gfns: Vec<u64> = (DOOR_GFN..DOOR_GFN + DOOR_PAGES as u64).collect();
        window.map(0, domain, &gfns).expect("a door");
        Mapped::of_pages(Rc::new(Look(window)))
    }

    fn post(&mut self, domain: u32, op: u32, args: &[u64], data: &[u8]) {
        let door = self.door(domain);
        let mut all = [0; 6];
        all[..args.len()].copy_from_slice(args);
        door.write(REQUEST_DATA, data);
        door.write(REQUEST, Exchange { state: IDLE, op, args: all, ret: 0 }.as_bytes());
        door.u32_at(REQUEST).store(POSTED, Ordering::Release);
        doors_rang(&mut self.fam);
    }

    fn answered(&self, domain: u32) -> Option<i64> {
        let mut e = Exchange::new_zeroed();
        self.door(domain).read(REQUEST, e.as_mut_bytes());
        (e.state == ANSWERED).then_some(e.ret)
    }

    fn ask(&mut self, domain: u32, op: u32, args: &[u64], data: &[u8]) -> i64 {
        self.post(domain, op, args, data);
        self.answered(domain).expect("an answer")
    }

    fn grants(&self, domain: u32, count: i64) -> Vec<PageGrant> {
        let mut bytes = vec![0; count as usize * size_of::<PageGrant>()];
        self.door(domain).read(REQUEST_DATA, &mut bytes);
        bytes
            .chunks(size_of::<PageGrant>())
            .map(|c| PageGrant::read_from_bytes(c).expect("a grant"))
            .collect()
    }

    /// What a fork is refused with.
    fn refused(&mut self, parent: (u32, u32, u32)) -> Option<Errno> {
        let mut req = Request { op: protocol::Op::ForkPrepare as u16, pid: parent.1, ..Request::default() };
        req.args[0] = 17;
        let call = Call { slot: parent.0, pid: parent.1, req: &req, data: &[] };
        crate::ops::dispatch(&mut self.fam, &call).err()
    }

    /// Forks `parent` (slot, pid, domain): the child, with the token of the parent's frames.
    fn fork(&mut self, parent: (u32, u32, u32)) -> ((u32, u32, u32), u64) {
        let child = self.prepare(parent);
        let ranges = [
            FrameRange { gfn: 0x5000, count: 1 | FRAMES_APP },
            FrameRange { gfn: 0x300, count: 3 },
            FrameRange { gfn: 0x310, count: 9 },
        ];
        let token = self.ask(parent.2, ASK_CLONE, &[child.0.into(), 7, 8, 3, 0x9000, 3], ranges.as_bytes());
        let mut command = Exchange::new_zeroed();
        self.door(child.2).read(COMMAND, command.as_mut_bytes());
        assert_eq!((command.state, command.op, command.args[0]), (POSTED, DO_CLONE, parent.2.into()));
        assert_eq!(token as u64, command.args[5]);
        let granted = |d: &mut super::fake::FakeDomain| {
            let mut gfns: Vec<u64> = d.entries.values().map(|(_, gfn, _)| *gfn).collect();
            gfns.sort_unstable();
            gfns
        };
        assert_eq!(self.fake.with(parent.2, granted), Some(vec![0x5000, 0x9000, 0x9001, 0x9002]));
        // The parent asks whether it may use its copy again, and waits until the child has it.
        self.post(parent.2, ASK_SETTLED, &[], &[]);
        assert_eq!(self.answered(parent.2), None);
        assert_eq!(self.ask(child.2, ASK_PULLED, &[], &[]), 0);
        assert_eq!(self.answered(parent.2), Some(0));
        assert_eq!(self.fake.with(parent.2, |d| d.entries.len()), Some(0));
        self.request(parent, protocol::Op::ForkDone, &[child.1.into(), token as u64]);
        (child, token as u64)
    }

    fn prepare(&mut self, parent: (u32, u32, u32)) -> (u32, u32, u32) {
        let answer = self.request(parent, protocol::Op::ForkPrepare, &[17, 0]);
        let (slot, pid) = (answer.rets[0] as u32, answer.ret as u32);
        let waits = |d: &&super::domain::Domain| matches!(d.role, Role::Reserved(p) if p.slot == slot);
        let domain = self.host().domains.values().find(waits).map(|d| d.id).expect("a shell");
        (slot, pid, domain)
    }

    fn request(&mut self, from: (u32, u32, u32), op: protocol::Op, args: &[u64]) -> crate::Answer {
        let mut req = Request { op: op as u16, pid: from.1, ..Request::default() };
        req.args[..args.len()].copy_from_slice(args);
        let call = Call { slot: from.0, pid: from.1, req: &req, data: &[] };
        crate::ops::dispatch(&mut self.fam, &call).expect("answered")
    }

    fn alive(&self, pid: u32) -> bool {
        self.fam.procs.get(pid).is_ok_and(|p| !matches!(p.state, State::Zombie(_)))
    }

    fn look(&mut self) {
        self.host().next_look = std::time::Instant::now();
        attend(&mut self.fam);
    }
}

fn errno(ret: i64) -> Errno {
    Errno(-ret as i32)
}

#[test]
fn pages_come_where_they_are_allowed() {
    let mut g = Guest::new();
    let d = g.first.2;
    let n = g.ask(d, ASK_PAGES, &[REGION_CONTROL, 100, 4, 1], &[]);
    assert_eq!(n, 4);
    let given = g.grants(d, n);
    let holder = g.host().holder().domain();
    let entry = g.fake.with(holder, |h| h.entries[&given[0].gref]).expect("an entry");
    assert_eq!((given[0].domid, entry.0, entry.2), (holder, d, true));
    assert_eq!(g.ask(d, ASK_GIVE_BACK, &[n as u64], given.as_bytes()), 4);
    assert_eq!(g.ask(d, ASK_GIVE_BACK, &[n as u64], given.as_bytes()), 0);
    assert!(g.fake.with(holder, |h| !h.entries.contains_key(&given[0].gref)).expect("a holder"));
    assert_eq!(errno(g.ask(d, ASK_PAGES, &[REGION_FAMILY, 0, 1, 1], &[])), Errno::EACCES);
    assert_eq!(g.ask(d, ASK_PAGES, &[REGION_FAMILY, 0, 1, 0], &[]), 1);
    assert_eq!(errno(g.ask(d, ASK_PAGES, &[REGION_CONTROL, u64::MAX, 1, 1], &[])), Errno::ENOENT);
    let id = g.fam.regions.create("t", 8192).expect("a region");
    assert_eq!(errno(g.ask(d, ASK_PAGES, &[id.0, 0, 1, 1], &[])), Errno::EACCES);
    let slot = g.first.0;
    assert!(g.fam.regions.attach(id, slot));
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, 9, 1], &[]), 2);
}

#[test]
fn a_page_is_the_same_for_the_monitor_and_members() {
    let mut g = Guest::new();
    let (slot, _, d) = g.first;
    let id = g.fam.regions.create("t", 4096).expect("a region");
    g.fam.regions.attach(id, slot);
    let view = g.fam.regions.view(id).expect("a view");
    view.write(16, b"here");
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, 1, 1], &[]), 1);
    let gref = g.grants(d, 1)[0].gref;
    let holder = g.host().holder().domain();
    let gfn = g.fake.with(holder, |h| h.entries[&gref].1).expect("an entry");
    let window = g.fake.window(1).expect("a window");
    window.map(0, holder, &[gfn]).expect("mapped");
    let mut seen = [0; 4];
    Mapped::of_pages(Rc::new(Look(window))).read(16, &mut seen);
    assert_eq!(&seen, b"here");
    // The frame stays while the member has it, though the region is gone.
    g.fake.with(holder, |h| h.mapped.insert(gref));
    drop(view);
    g.fam.regions.detach(id, slot);
    g.fam.regions.disown(id);
    assert_eq!(g.ask(d, ASK_GIVE_BACK, &[1], PageGrant { domid: holder, gref }.as_bytes()), 1);
    assert!(g.fake.with(holder, |h| h.entries.contains_key(&gref)).expect("a holder"));
    g.fake.with(holder, |h| h.mapped.remove(&gref));
    g.host().holder().collect();
    assert!(g.fake.with(holder, |h| !h.entries.contains_key(&gref)).expect("a holder"));
}

#[test]
fn frames_of_ancestors_come_by_token() {
    let mut g = Guest::new();
    let first = g.first;
    let (child, a) = g.fork(first);
    let (grandchild, b) = g.fork(child);
    let gfns = [0x5000u64, 0x5001];
    assert_eq!(g.ask(grandchild.2, ASK_FRAMES, &[a, 2], gfns.as_bytes()), 2);
    assert_eq!(
        g.fake.with(first.2, |d| d.entries.values().next().copied()),
        Some(Some((grandchild.2, 0x5000, false)))
    );
    // The next request ends the right.
    assert_eq!(errno(g.ask(child.2, ASK_FRAMES, &[b, 1], gfns.as_bytes())), Errno::ENOENT);
    assert_eq!(g.ask(grandchild.2, ASK_FRAMES, &[b, 1], gfns.as_bytes()), 1);
    assert_eq!(g.fake.with(first.2, |d| d.entries.len()), Some(0));
    // The parent ends first: it stays as an ancestor, and goes with its last descendant that wants it.
    g.post(child.2, ASK_EXIT, &[0], &[]);
    assert!(!g.alive(child.1));
    assert!(g.fake.domains().contains(&child.2));
    assert_eq!(g.ask(grandchild.2, ASK_FRAMES, &[b, 1], gfns.as_bytes()), 1);
    assert_eq!(g.ask(grandchild.2, ASK_DROP, &[b], &[]), 0);
    assert!(!g.fake.domains().contains(&child.2));
    assert!(g.fake.domains().contains(&first.2));
    g.fake.vanish(grandchild.2);
    g.look();
    assert!(!g.alive(grandchild.1));
    let mut notices = [[0u64; 2]; 2];
    g.door(first.2).read(NOTICE_RING + 16, notices.as_mut_bytes());
    assert_eq!(notices, [[NOTICE_PULLED, a], [NOTICE_DROPPED, a]]);
}

#[test]
fn a_clone_is_told_behind_its_grants_what_an_earlier_one_touched_next() {
    let mut g = Guest::new();
    let first = g.first;
    let (elder, token) = g.fork(first);
    let (younger, later) = g.fork(first);
    let touches: Vec<u64> = (1..=5).map(|page| page << 12).collect();
    for touched in &touches {
        assert_eq!(g.ask(elder.2, ASK_FRAMES, &[token, 1, *touched, 3], 0x5000u64.as_bytes()), 1);
    }
    // From its fourth question on: what goes with fewer may be about to exec or to end.
    let mut told = Vec::new();
    for touched in &touches {
        let gfns = [0x5000u64, 0x5001];
        assert_eq!(g.ask(younger.2, ASK_FRAMES, &[later, 2, *touched, 3], gfns.as_bytes()), 2);
        assert!(g.grants(younger.2, 2).iter().all(|grant| grant.domid == first.2));
        let mut hints = [u64::MAX; 3];
        g.door(younger.2).read(REQUEST_DATA + 2 * size_of::<PageGrant>(), hints.as_mut_bytes());
        told.push(hints);
    }
    assert_eq!(told, [[0; 3], [0; 3], [0; 3], [0x1000, 0x2000, 0x3000], [0x4000, 0x5000, 0]]);
}

#[test]
fn pages_are_copied_to_the_door() {
    let mut g = Guest::new();
    let d = g.first.2;
    let path = std::env::temp_dir().join(format!("offshoot-copied-{}", std::process::id()));
    let bytes: Vec<u8> = (1..=20).flat_map(|page| [page; 4096]).collect();
    std::fs::write(&path, &bytes[..19 * 4096 + 100]).expect("a file");
    let file = std::fs::File::options().read(true).write(true).open(&path).expect("opened");
    std::fs::remove_file(&path).expect("removed");
    let id = g.fam.regions.add_file(file.into(), 20 * 4096, true, false).expect("a region");
    g.fam.regions.attach(id, g.first.0);
    // A page that a member has written to is copied as it is.
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 18, 1, 1], &[]), 1);
    let frame = g.fam.regions.pages(id, g.first.0).expect("pages").frame(18, true).expect("a frame");
    let (holder, written) = (g.host().holder.domain(), g.fake.window(1).expect("a window"));
    written.map(0, holder, &[frame.gfn]).expect("mapped");
    super::window::store(&*written, 0, &[77; 4096]);
    let before = g.host().holder.grants();
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 17, 16, 0, 1], &[]), 3);
    let mut copied = vec![0; 3 * 4096];
    g.door(d).read(REQUEST_DATA, &mut copied);
    let last = [[20; 100].as_slice(), &[0; 3996]].concat();
    assert_eq!(copied, [[18; 4096].as_slice(), &[77; 4096], &last].concat());
    // The door takes so many, whatever is asked for.
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, u64::MAX, 0, 1], &[]), COPIES as i64);
    assert_eq!(g.host().holder.grants(), before);
    assert_eq!(errno(g.ask(d, ASK_PAGES, &[id.0, 20, 1, 0, 1], &[])), Errno::ENOENT);
}

#[test]
fn a_holder_gets_tables_for_all_its_frames() {
    let fake = Fake::new();
    let holder = super::Holder::new(Rc::new(fake), 1 << 20).expect("a holder");
    // 1 GiB: Xen has tables for half of it from the domain's birth.
    let frames: Result<Vec<_>, _> = (0..1 << 18).map(|_| holder.frame()).collect();
    assert_eq!(frames.map(|frames| frames.len()), Ok(1 << 18));
}

#[test]
fn a_file_that_the_host_changed_is_mapped_as_it_is_now() {
    let mut g = Guest::new();
    let (slot, _, d) = g.first;
    let path = std::env::temp_dir().join(format!("offshoot-rewritten-{}", std::process::id()));
    std::fs::write(&path, [1; 4096]).expect("a file");
    let mut seen = Vec::new();
    for content in [[1; 5000].as_slice(), &[2; 6000]] {
        // In place, as by cp: the file is the same one.
        std::fs::write(&path, content).expect("written");
        let file = std::fs::File::open(&path).expect("opened");
        let id = g.fam.regions.add_file(file.into(), 5000, false, false).expect("a region");
        g.fam.regions.attach(id, slot);
        assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, 1, 0], &[]), 1);
        assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, 2, 0, 1], &[]), 2);
        let mut copied = [0; 4097];
        g.door(d).read(REQUEST_DATA, &mut copied);
        seen.push((copied[0], copied[4096]));
    }
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(seen, [(1, 1), (2, 2)]);
}

#[test]
fn who_has_pages_of_a_file_that_is_cut_is_told() {
    let mut g = Guest::new();
    let (slot, _, d) = g.first;
    let path = std::env::temp_dir().join(format!("offshoot-cut-{}", std::process::id()));
    std::fs::write(&path, [7; 3 * 4096]).expect("a file");
    let file = std::fs::File::options().read(true).write(true).open(&path).expect("opened");
    std::fs::remove_file(&path).expect("removed");
    let id = g
        .fam
        .regions
        .add_file(file.try_clone().expect("two").into(), 3 * 4096, true, false)
        .expect("a region");
    g.fam.regions.attach(id, slot);
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, 3, 1], &[]), 3);
    file.set_len(4097).expect("cut");
    super::file_pages::changed(&file, 4097, u64::MAX);
    g.fam.apply_pending();
    let mut notice = [0u64; 2];
    g.door(d).read(NOTICE_RING + 16, notice.as_mut_bytes());
    assert_eq!(notice, [NOTICE_CUT, id.0]);
    assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 0, 3, 1], &[]), 2);
    assert_eq!(errno(g.ask(d, ASK_PAGES, &[id.0, 2, 1, 1], &[])), Errno::ENOENT);
}

#[test]
fn a_clone_that_fails_is_told() {
    let mut g = Guest::new();
    let first = g.first;
    let child = g.prepare(first);
    let ranges = [FrameRange { gfn: 0x300, count: 3 }];
    let token = g.ask(first.2, ASK_CLONE, &[child.0.into(), 7, 8, 1, 0x9000, 3], ranges.as_bytes());
    assert!(token > 0);
    g.request(first, protocol::Op::ForkDone, &[child.1.into(), token as u64]);
    assert!(g.alive(child.1));
    g.fake.vanish(child.2);
    g.look();
    // It is a child that was killed; what it was to copy is not granted any more.
    assert!(!g.alive(child.1));
    assert_eq!(g.fake.with(first.2, |d| d.entries.len()), Some(0));
    assert_eq!(g.ask(first.2, ASK_SETTLED, &[], &[]), 0);
    let bad = [FrameRange { gfn: u64::MAX, count: 2 }];
    let child = g.prepare(first);
    assert_eq!(
        errno(g.ask(first.2, ASK_CLONE, &[child.0.into(), 7, 8, 1, 0x9000, 3], bad.as_bytes())),
        Errno::EINVAL
    );
    g.fake.set_table(Some(2));
    assert_eq!(
        errno(g.ask(first.2, ASK_CLONE, &[child.0.into(), 7, 8, 1, 0x9000, 3], ranges.as_bytes())),
        Errno::ENOMEM
    );
    assert_eq!(
        errno(g.ask(first.2, ASK_CLONE, &[first.0.into(), 7, 8, 1, 0x9000, 3], ranges.as_bytes())),
        Errno::EACCES
    );
}

#[test]
fn a_shell_that_an_operator_destroyed_is_replaced() {
    let mut g = Guest::new();
    let first = g.first;
    while super::do_chore(&mut g.fam) {}
    let shells = |g: &mut Guest| {
        let shell = |d: &&super::domain::Domain| d.role == Role::Shell;
        g.host().domains.values().filter(shell).map(|d| d.id).collect::<Vec<_>>()
    };
    let warm = shells(&mut g);
    assert!(!warm.is_empty());
    warm.iter().for_each(|id| g.fake.vanish(*id));
    // Nobody has looked since: the fork itself finds out.
    let child = g.prepare(first);
    assert!(!warm.contains(&child.2) && g.fake.domains().contains(&child.2));
    // Without memory for another one it is refused, and later it is not.
    shells(&mut g).iter().for_each(|id| g.fake.vanish(*id));
    g.fake.set_budget(Some(0));
    let refused = g.refused(first);
    assert!(matches!(refused, Some(Errno::EAGAIN | Errno::ENOMEM)), "{refused:?}");
    g.fake.set_budget(None);
    g.prepare(first);
}

#[test]
fn who_has_many_pages_lets_go_of_them_when_the_table_is_nearly_full() {
    const PAGES: u64 = 256;
    let mut g = Guest::new();
    let (first, slot) = (g.first, g.first.0);
    let (child, _) = g.fork(first);
    let id = g.fam.regions.create("shared", PAGES * 4096).expect("a region");
    g.fam.regions.attach(id, slot);
    g.fam.regions.attach(id, child.0);
    for page in (0..PAGES).step_by(16) {
        assert_eq!(g.ask(first.2, ASK_PAGES, &[id.0, page, 16, 1], &[]), 16);
    }
    let told = |g: &mut Guest, domain| {
        let mut notices = [[0u64; 2]; 16];
        g.door(domain).read(NOTICE_RING + 16, notices.as_mut_bytes());
        notices.contains(&[NOTICE_SHED, 0])
    };
    assert!(!told(&mut g, first.2));
    let given = g.host().holder.grants().1;
    g.fake.set_table(Some(given + given / 5));
    assert_eq!(g.ask(child.2, ASK_PAGES, &[id.0, 0, 1, 1], &[]), 1);
    assert!(told(&mut g, first.2));
    assert!(!told(&mut g, child.2));
}

#[test]
fn a_fork_needs_room_in_the_grant_table() {
    let mut g = Guest::new();
    let first = g.first;
    g.prepare(first);
    let given = g.host().holder.grants().1;
    g.fake.set_table(Some(given + 16));
    assert_eq!(g.refused(first), Some(Errno::ENOMEM));
    g.fake.set_table(None);
    g.prepare(first);
}

#[test]
fn ports_of_members_that_are_no_more_are_closed() {
    let mut g = Guest::new();
    let first = g.first;
    let (child, _) = g.fork(first);
    let closed = |g: &Guest| {
        let door = g.door(first.2);
        let (tail, head) = (door.u32_at(NOTICE_RING), door.u32_at(NOTICE_RING + 4));
        let mut ports = Vec::new();
        for at in head.load(Ordering::Relaxed)..tail.load(Ordering::Relaxed) {
            let mut notice = [0u64; 2];
            let entry = NOTICE_RING + 16 + at as usize % NOTICES * NOTICE_SIZE;
            door.read(entry, notice.as_mut_bytes());
            ports.extend((notice[0] == NOTICE_CLOSE).then_some(notice[1]));
        }
        ports
    };
    let bind = |g: &mut Guest| {
        assert_eq!(g.ask(child.2, ASK_BIND, &[first.0.into()], &[]), 0);
        let end = g.grants(child.2, 1)[0];
        assert_eq!(end.domid, first.2);
        u64::from(end.gref)
    };
    let one = bind(&mut g);
    assert!(closed(&g).is_empty());
    let two = bind(&mut g);
    assert_eq!(closed(&g), [one]);
    g.fake.vanish(child.2);
    g.look();
    assert_eq!(closed(&g), [one, two]);
    // A member that can bind no port is rung by the monitor.
    g.fake.take_rung();
    assert_eq!(g.ask(first.2, ASK_RING, &[first.0.into()], &[]), 0);
    let port = g.host().domains[&first.2].port;
    assert!(g.fake.take_rung().contains(&port));
    assert_eq!(g.ask(first.2, ASK_RING, &[u64::MAX], &[]), 0);
}

#[test]
fn want_of_memory_is_an_answer() {
    let mut g = Guest::new();
    let (slot, _, d) = g.first;
    let id = g.fam.regions.create("t", 1 << 20).expect("a region");
    g.fam.regions.attach(id, slot);
    g.fake.set_budget(Some(0));
    let mut got = 0;
    let last = loop {
        match g.ask(d, ASK_PAGES, &[id.0, got, 64, 1], &[]) {
            n if n > 0 => got += n as u64,
            e => break errno(e),
        }
    };
    assert_eq!(last, Errno::ENOMEM);
    // The monitor's own access finds something to write to.
    g.fam.regions.view(id).expect("a view").write((1 << 20) - 8, &[1; 8]);
    g.fake.set_budget(None);
    assert!(g.ask(d, ASK_PAGES, &[id.0, 255, 1, 1], &[]) == 1);
}

#[test]
fn who_wakes_up_comes_before_warm_shells() {
    let mut g = Guest::new();
    let d = g.first.2;
    while super::do_chore(&mut g.fam) {}
    let shells = |g: &mut Guest| g.host().pooled().count();
    assert_eq!(shells(&mut g), 2);
    let (first, count) = (CODE.start, CODE.end - CODE.start);
    assert_eq!(errno(g.ask(d, ASK_IMAGE, &[first, count + 1], &[])), Errno::EINVAL);
    assert_eq!(errno(g.ask(d, ASK_IMAGE, &[u64::MAX, 2], &[])), Errno::EINVAL);
    assert_eq!(g.ask(d, ASK_IMAGE, &[first, count], &[]), 0);
    assert_eq!(shells(&mut g), 2);
    // They give back the frames of their doors.
    g.fake.with(d, |d| d.populated.retain(|gfn| !CODE.contains(gfn)));
    g.fake.set_budget(Some(count - 1));
    assert_eq!(g.ask(d, ASK_IMAGE, &[first, count], &[]), 0);
    assert_eq!(shells(&mut g), 1);
    g.fake.with(d, |d| d.populated.retain(|gfn| !CODE.contains(gfn)));
    g.fake.set_budget(Some(0));
    g.post(d, ASK_IMAGE, &[first, count], &[]);
    g.look();
    assert_eq!(shells(&mut g), 0);
    assert!(!g.alive(g.first.1));
}

#[test]
fn everything_goes_with_the_family() {
    let mut g = Guest::new();
    let first = g.first;
    let (child, _) = g.fork(first);
    g.fork(child);
    g.post(child.2, ASK_EXIT, &[0], &[]);
    while super::do_chore(&mut g.fam) {}
    g.fam.end_all();
    assert!(g.fake.domains().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    /// Whatever a member writes into its door, the monitor answers or ends it, and all can be taken away afterwards.
    #[test]
    fn lies_do_no_harm(steps in prop::collection::vec(
        (0u32..18, prop::array::uniform6(prop_oneof![0u64..6, any::<u64>(), (u64::MAX - 5)..=u64::MAX]), any::<u8>()), 1..60)
    ) {
        let mut g = Guest::new();
        let first = g.first;
        g.fork(first);
        for (op, args, fill) in steps {
            if !g.fake.domains().contains(&first.2) || op == ASK_LOG {
                continue;
            }
            g.door(first.2).u32_at(REQUEST).store(IDLE, Ordering::Relaxed);
            g.post(first.2, op, &args, &[fill; 512]);
            g.look();
        }
        g.fam.end_all();
        prop_assert!(g.fake.domains().is_empty());
    }
}
