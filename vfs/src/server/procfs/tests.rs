//! What procfs shows.

extern crate std;

use std::string::{String, ToString};
use std::vec::Vec;

use abi::Errno;
use abi::fs::{O_RDWR, O_WRONLY};

use super::{proc_root, sys_root};
use crate::server::cx::Cx;
use crate::server::dentry::Dentry;
use crate::server::fake::{as_root, as_user};
use crate::server::walk::Stop;
use crate::server::{Dir, Vfs, dirent};

fn proc() -> Vfs {
    Vfs::new(Dentry::root(proc_root(8), b""), b"proc", b"proc", 0)
}

fn text(v: &Vfs, cx: &Cx, p: &str) -> String {
    let found = v.find(cx, &Dir::Cwd, p.as_bytes(), true, false).map_err(|e| std::format!("{p}: {e:?}"));
    let loc = found.map(|f| f.loc).expect("found");
    let text = loc.dentry.node.generate(cx).expect(p).expect(p);
    String::from_utf8(text).expect("text")
}

fn names(v: &Vfs, cx: &Cx, p: &str) -> Vec<String> {
    let loc = v.find(cx, &Dir::Cwd, p.as_bytes(), true, false).map(|f| f.loc).map_err(|_| ()).expect(p);
    let (data, _) = dirent::list(cx, &loc, 0, 1 << 16).expect("list");
    let mut out = Vec::new();
    let mut at = 0;
    while at < data.len() {
        let len = u16::from_le_bytes([data[at + 16], data[at + 17]]) as usize;
        let name = data[at + 19..at + len].split(|b| *b == 0).next().expect("name");
        out.push(String::from_utf8(name.to_vec()).expect("text"));
        at += len;
    }
    out
}

#[test]
fn every_listed_name_can_be_looked_up_and_read() {
    fn visit(v: &Vfs, cx: &Cx, dir: &str, seen: &mut usize) {
        for name in names(v, cx, dir).iter().filter(|n| *n != "." && *n != "..") {
            let p = std::format!("{}/{name}", dir.trim_end_matches('/'));
            let found = v.find(cx, &Dir::Cwd, p.as_bytes(), false, false);
            let loc = found.map_err(|e| std::format!("{p}: {e:?}")).expect("found").loc;
            *seen += 1;
            if loc.is_dir() {
                visit(v, cx, &p, seen);
            } else if let Some(text) = loc.dentry.node.generate(cx) {
                assert!(text.is_ok(), "{p}");
            }
        }
    }
    let v = proc();
    let sys = Vfs::new(Dentry::root(sys_root(9), b""), b"sysfs", b"sysfs", 0);
    as_root(|cx| {
        let mut seen = 0;
        visit(&v, cx, "/", &mut seen);
        visit(&sys, cx, "/", &mut seen);
        assert!(seen > 150, "{seen}");
    });
}

#[test]
fn stat_has_52_fields_whatever_the_name() {
    let v = proc();
    as_root(|cx| {
        let stat = text(&v, cx, "/self/stat");
        let (head, tail) = stat.rsplit_once(") ").expect("name ends");
        assert_eq!(head, "2 (a b) c");
        assert_eq!(tail.split_whitespace().count(), 50);
        assert!(text(&v, cx, "/2/status").contains("\nPid:\t2\nPPid:\t1\n"));
        assert_eq!(text(&v, cx, "/2/cmdline"), "prog\0-x\0");
        assert_eq!(text(&v, cx, "/self/task/2/comm"), "a b) c\n");
        assert_eq!(text(&v, cx, "/uptime").split_whitespace().next(), Some("12.34"));
    });
}

#[test]
fn own_descriptors_are_the_members_to_resolve() {
    let v = proc();
    as_root(|cx| {
        let walk = |p: &str, follow| v.find(cx, &Dir::Cwd, p.as_bytes(), follow, false).map(|_| ());
        assert_eq!(walk("/self/fd/7", true), Err(Stop::OwnFd { fd: 7, rest: Vec::new() }));
        assert_eq!(walk("/2/fd/7/a/b", true), Err(Stop::OwnFd { fd: 7, rest: b"a/b".to_vec() }));
        assert_eq!(walk("/self/fd/7/", false), Err(Stop::OwnFd { fd: 7, rest: b".".to_vec() }));
        assert_eq!(walk("/self/fd/7", false), Ok(()));
        assert_eq!(walk("/self/fd/07", true), Err(Stop::Errno(Errno::ENOENT)));
        assert_eq!(walk("/3/fd/7", true), Err(Stop::Errno(Errno::ENOENT)));
        let link = v.find(cx, &Dir::Cwd, b"/self", false, false).map_err(|_| ()).expect("self").loc;
        assert_eq!(link.dentry.node.read_link(cx), Ok("2".to_string().into_bytes()));
    });
}

#[test]
fn settings_can_be_written_only_where_they_matter() {
    let v = proc();
    let open = |cx: &Cx, p: &str, flags| {
        v.open(cx, &Dir::Cwd, p.as_bytes(), flags, 0, 0).map(|o| o.loc).map_err(|e| match e {
            Stop::Errno(e) => e,
            Stop::OwnFd { .. } => Errno::EREMOTE,
        })
    };
    as_root(|cx| {
        assert_eq!(open(cx, "/sys/kernel/pid_max", O_WRONLY).err(), Some(Errno::EACCES));
        let adj = open(cx, "/self/oom_score_adj", O_RDWR).expect("open");
        assert_eq!(adj.dentry.node.write_at(cx, 0, b"-500\n"), Ok(5));
        assert_eq!(text(&v, cx, "/self/oom_score_adj"), "-500\n");
        assert_eq!(adj.dentry.node.write_at(cx, 0, b"5000"), Err(Errno::EINVAL));
    });
    as_user(7, 7, |cx| {
        let adj = open(cx, "/self/oom_score_adj", O_RDWR).expect("its own");
        assert_eq!(adj.dentry.node.write_at(cx, 0, b"-500\n"), Err(Errno::EACCES));
        assert_eq!(adj.dentry.node.write_at(cx, 0, b"100"), Ok(3));
    });
}

#[test]
fn every_processor_is_a_core_of_its_own() {
    let v = Vfs::new(Dentry::root(sys_root(9), b""), b"sysfs", b"sysfs", 0);
    as_root(|cx| {
        let cpus = names(&v, cx, "/devices/system/cpu");
        assert!(cpus.contains(&"cpu0".into()) && cpus.contains(&"cpu1".into()), "{cpus:?}");
        let of_second = |name: &str| text(&v, cx, &std::format!("/devices/system/cpu/cpu1/topology/{name}"));
        assert_eq!(
            ["core_id", "thread_siblings", "core_siblings_list"].map(of_second),
            ["1\n", "2\n", "0-1\n"]
        );
        assert_eq!(text(&v, cx, "/devices/system/node/node0/cpumap"), "3\n");
    });
}
