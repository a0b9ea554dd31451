//! Pages that families have in common: one copy, whoever comes and goes, and nothing is left.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::xen::common_file::CommonFile;
use crate::xen::commons::sweep;
use crate::xen::grantor::Granted;
use crate::xen::holder::Holder;
use crate::xen::register::{CHUNK, Register, Version, gfn};

/// A file of the host that nobody has changed lately.
const FILE: &str = "/bin/sh";

/// Frames of a common holder that stay as long as it does: the sink, and the register with its first records.
const KEPT: usize = 4;

fn file() -> std::fs::File {
    std::fs::File::open(FILE).expect("a shell")
}

/// A family, as far as its holder goes, whose monitor has this name.
fn family(fake: &Fake, name: u64) -> Rc<Holder> {
    fake.set_monitor(name);
    Holder::new(Rc::new(fake.clone()), 1 << 20).expect("a holder")
}

fn common_file(holder: &Holder) -> CommonFile {
    let stat = rustix::fs::fstat(file()).expect("attributes");
    CommonFile::of(holder.commons().expect("a part"), &stat).expect("an old file")
}

/// The frames of the file's first pages, as a family sees them.
fn frames(common: &mut CommonFile, pages: std::ops::Range<u64>) -> Vec<(u64, u32, u64)> {
    let found = common.frames(std::os::fd::AsFd::as_fd(&file()), pages).expect("frames");
    found.iter().map(|(page, frame)| (*page, frame.grantor().domain(), frame.gfn)).collect()
}

fn populated(fake: &Fake, domain: u32) -> usize {
    fake.with(domain, |d| d.populated.len()).expect("a domain")
}

#[test]
fn families_have_one_copy_of_a_file() {
    let fake = Fake::new();
    let (first, second) = (family(&fake, 1), family(&fake, 2));
    let common = first.domain();
    assert_ne!(second.domain(), common);
    let (mut ours, mut theirs) = (common_file(&first), common_file(&second));
    let seen = frames(&mut ours, 0..8);
    let (pages, there) = (seen.len(), populated(&fake, common));
    assert_eq!((pages, frames(&mut theirs, 0..8)), (8, seen.clone()));
    assert_eq!((populated(&fake, common), populated(&fake, second.domain())), (there, 1));
    // They hold what the file does.
    let window = fake.window(1).expect("a window");
    window.map(0, common, &[seen[7].2]).expect("mapped");
    let bytes = std::fs::read(FILE).expect("a file");
    assert_eq!(super::super::window::fetch(&*window, 0), bytes[7 * 4096..8 * 4096]);
    // The one that filled them may go, and its regions with it.
    let region = first.frame().expect("a frame");
    let granted = second.commons().expect("a part").grantor().clone();
    drop((region, ours));
    first.finish();
    assert_eq!(populated(&fake, common), 8 + KEPT);
    assert_eq!(frames(&mut theirs, 4..12)[..4], seen[4..]);
    assert_eq!(granted.domain(), common);
    drop(theirs);
    assert_eq!(populated(&fake, common), KEPT);
    second.finish();
    assert!(fake.domains().is_empty());
}

#[test]
fn what_a_killed_monitor_had_is_given_back() {
    let fake = Fake::new();
    let hyper: Rc<dyn Hypervisor> = Rc::new(fake.clone());
    let (first, second) = (family(&fake, 1), family(&fake, 2));
    let common = first.domain();
    let (mut ours, mut theirs) = (common_file(&first), common_file(&second));
    frames(&mut ours, 0..4);
    frames(&mut theirs, 2..6);
    let mut granted = Granted::default();
    let regions: Vec<_> = (0..40).map(|_| first.frame().expect("a frame")).collect();
    granted.add(77, &regions[0], true).expect("granted");
    let entries = || fake.with(common, |d| d.entries.len()).expect("a domain");
    assert_eq!(entries(), 1);
    fake.kill_monitor(1);
    sweep(&hyper);
    // Of its pages those stay that the other family has a part in.
    assert_eq!((entries(), populated(&fake, common)), (0, 6 + KEPT));
    assert_eq!(frames(&mut theirs, 0..6).len(), 6);
    fake.kill_monitor(2);
    sweep(&hyper);
    assert_eq!(fake.domains(), [second.domain()]);
    std::mem::forget((first, second, ours, theirs, granted, regions));
}

#[test]
fn the_first_after_a_killed_monitor_begins_anew() {
    let fake = Fake::new();
    let first = family(&fake, 1);
    fake.kill_monitor(1);
    let second = family(&fake, 2);
    assert_eq!(fake.domains(), [second.domain()]);
    assert_eq!(frames(&mut common_file(&second), 0..2).len(), 2);
    std::mem::forget(first);
    // One that was killed when it had just made a holder.
    second.finish();
    fake.set_monitor(3);
    fake.create_holder(1 << 20, true).expect("a holder");
    fake.kill_monitor(3);
    let fourth = family(&fake, 4);
    assert_eq!(fake.domains(), [fourth.domain()]);
}

#[test]
fn without_the_lock_a_family_has_all_to_itself() {
    let fake = Fake::new();
    let first = family(&fake, 1);
    fake.set_locked(true);
    let second = family(&fake, 2);
    assert!(second.commons().is_none());
    let mut ours = common_file(&first);
    assert_eq!(frames(&mut ours, 0..4), []);
    fake.set_locked(false);
    assert_eq!(frames(&mut ours, 0..4).len(), 4);
}

/// A family beside one whose holder is the common one, with a region of the file: what a member is granted of it.
fn beside(fake: &Fake, first: &Rc<Holder>) -> (Guest, impl Fn(&mut Guest, u64) -> u32 + use<>, u64) {
    fake.set_monitor(2);
    let mut g = Guest::on(fake.clone(), Config::default());
    assert_ne!(g.host().holder.domain(), first.domain());
    let id = g.fam.regions.add_file(file().into(), 40 * 4096, false, true).expect("a region");
    g.fam.regions.attach(id, g.first.0);
    let given = move |g: &mut Guest, refused: u64| {
        let d = g.first.2;
        assert_eq!(g.ask(d, ASK_PAGES, &[id.0, 3, 1, 0, 0, refused], &[]), 1);
        g.grants(d, 1)[0].domid
    };
    (g, given, id.0)
}

#[test]
fn a_common_holder_that_is_taken_away_is_done_without() {
    let fake = Fake::new();
    let first = family(&fake, 1);
    let (mut g, given, id) = beside(&fake, &first);
    let own = g.host().holder.domain();
    assert_eq!(given(&mut g, 0), first.domain());
    assert_eq!(g.host().inconsistency(), None);
    fake.vanish(first.domain());
    // The member finds that it cannot map what it was given before the monitor looks.
    assert_eq!(given(&mut g, 1), own);
    attend(&mut g.fam);
    let mut notice = [0u64; 2];
    g.door(g.first.2).read(NOTICE_RING + 16, notice.as_mut_bytes());
    assert_eq!(notice, [NOTICE_CUT, id]);
    assert_eq!(given(&mut g, 0), own);
}

#[test]
fn a_file_that_is_in_a_volume_too_is_the_familys_own() {
    let fake = Fake::new();
    let first = family(&fake, 1);
    let (mut g, given, id) = beside(&fake, &first);
    let own = g.host().holder.domain();
    assert_eq!(given(&mut g, 0), first.domain());
    // The same file, where the family can write it.
    g.fam.regions.add_file(file().into(), 40 * 4096, false, false).expect("a region");
    g.fam.apply_pending();
    let mut notice = [0u64; 2];
    g.door(g.first.2).read(NOTICE_RING + 16, notice.as_mut_bytes());
    assert_eq!((notice, given(&mut g, 0)), ([NOTICE_CUT, id], own));
    g.fam.regions.add_file(file().into(), 40 * 4096, false, true).expect("a region");
    assert_eq!(given(&mut g, 0), own);
}

#[test]
fn a_full_common_table_is_done_without() {
    let fake = Fake::new();
    let first = family(&fake, 1);
    let (mut g, given, _) = beside(&fake, &first);
    let own = g.host().holder.domain();
    let used = g.host().holder.grants().1;
    assert_eq!(given(&mut g, 0), first.domain());
    // As many as are in use at home, and no more of the common one than the block that it has.
    fake.set_table(Some(64.max(used + 64)));
    let mut granted = Granted::default();
    let frame = first.frame().expect("a frame");
    while granted.add(5, &frame, true).is_ok() {}
    let all: Vec<u32> = (0..64).map(|_| given(&mut g, 0)).collect();
    assert!(all.starts_with(&[first.domain()]) && all.ends_with(&[own]));
    assert_eq!(g.host().inconsistency(), None);
}

/// A part's record, who holds it, what is filled.
type Part = (u32, BTreeSet<u32>, Vec<u64>);

#[test]
fn half_of_the_common_table_is_its_creators() {
    let fake = Fake::new();
    fake.set_table(Some(512));
    let (first, second) = (family(&fake, 1), family(&fake, 2));
    let fill = |holder: &Rc<Holder>, frame: Rc<crate::xen::holder::Frame>| {
        let mut granted = Granted::default();
        while granted.add(5, &frame, false).is_ok() {}
        assert!(holder.commons().is_some());
        granted
    };
    let common = common_file(&second).frames(std::os::fd::AsFd::as_fd(&file()), 0..1).expect("frames");
    let theirs = fill(&second, common[0].1.clone());
    // The first block has entries that are reserved.
    assert_eq!(theirs.len(), 256 - 8);
    assert_eq!(fill(&first, first.frame().expect("a frame")).len(), 256);
    assert!(!first.has_room());
}

proptest! {
    /// Families hold and let go of parts of files in any order: a part has one record as long as it is held, which begins
    /// empty, and what was filled is given back once, with the last one.
    #[test]
    fn records_are_held_and_let_go(ops in proptest::collection::vec((0..3u32, 0..4u64, 0..3u64, 0..4u8), 1..120)) {
        let fake = Fake::new();
        let hyper: Rc<dyn Hypervisor> = Rc::new(fake.clone());
        let domain = hyper.create_holder(1 << 20, true).expect("a holder");
        let register = Register::create(&hyper, domain).expect("a register");
        let other = Register::open(&hyper, domain).expect("the same");
        let mut parts: BTreeMap<(u64, u64), Part> = BTreeMap::new();
        for (user, file, number, op) in ops {
            let version = Version([file, 0, 0, 0]);
            let at = if user == 0 { &other } else { &register };
            let part = (file, number);
            match op {
                0 | 1 => {
                    let record = at.hold(&version, number, user).expect("a record");
                    let taken = parts.iter().any(|(other, (known, ..))| *other != part && *known == record);
                    prop_assert!(!taken);
                    let (known, users, filled) = parts.entry(part).or_insert((record, BTreeSet::new(), Vec::new()));
                    prop_assert_eq!(*known, record);
                    users.insert(user);
                    let there: Vec<u64> = (0..CHUNK).filter(|page| at.is_ready(record, *page)).collect();
                    prop_assert_eq!(&there, &*filled);
                    let page = number + u64::from(user);
                    prop_assert_eq!(at.begin(record, page, user), !filled.contains(&page));
                    if !filled.contains(&page) {
                        at.finish(record, page, true);
                        filled.push(page);
                        filled.sort();
                    }
                }
                _ => {
                    let Some((record, users, filled)) = parts.get_mut(&part) else { continue };
                    if !users.remove(&user) {
                        continue;
                    }
                    let given = std::cell::RefCell::new(Vec::<u64>::new());
                    at.let_go(*record, user, &|frames| given.borrow_mut().extend(frames)).expect("reached");
                    let all: Vec<u64> = filled.iter().map(|page| gfn(*record, *page)).collect();
                    let last = users.is_empty();
                    prop_assert_eq!(given.into_inner(), if last { all } else { Vec::new() });
                    if last {
                        parts.remove(&part);
                    }
                }
            }
        }
    }
}
