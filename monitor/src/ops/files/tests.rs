//! Requests on names and files against a family over a host directory.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use abi::Errno;
use abi::fs::{
    AT_EMPTY_PATH, F_GETLK, F_OFD_SETLK, F_RDLCK, F_SETLK, F_WRLCK, LOCK_EX, O_APPEND, O_CREAT, O_DIRECTORY,
    O_NONBLOCK, O_PATH, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY, S_IFIFO, Stat,
};
use protocol::Op;
use protocol::control::Request;
use protocol::desc::{DescInfo, Kind};
use protocol::op::DIR_CWD;
use protocol::wire::Writer;
use zerocopy::FromBytes;

use crate::call::{Answer, Call};
use crate::config::{Config, Volume};
use crate::family::Family;
use crate::life::TestMember;
use crate::ops::dispatch;
use crate::procs::FIRST_PID;

/// A directory of the host that goes away.
struct Temp(PathBuf);

impl Temp {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let n = LAST.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("offshoot-files-{}-{n}", std::process::id()));
        fs::create_dir(&dir).expect("a fresh directory");
        Self(dir)
    }
    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Guest {
    fam: Family,
    _member: TestMember,
    pid: u32,
}

impl Guest {
    fn new(root: &Path, volumes: Vec<Volume>) -> Self {
        let config = Config {
            root: Some(root.to_path_buf()),
            volumes,
            kernel: PathBuf::from("/nonexistent"),
            argv: vec![b"/bin/x".to_vec()],
            workdir: b"/".to_vec(),
            ..Config::default()
        };
        let mut fam = Family::new(config).expect("a family");
        let _member = fam.test_member();
        Self { fam, _member, pid: FIRST_PID }
    }

    fn call(&mut self, op: Op, args: &[u64], data: &[u8]) -> Result<Answer, Errno> {
        let mut all = [0; 8];
        all[..args.len()].copy_from_slice(args);
        let slot = self.fam.procs.get(FIRST_PID).map_or(1, |p| p.slot);
        let req = Request { op: op as u16, pid: self.pid, tid: self.pid, args: all, ..Request::default() };
        dispatch(&mut self.fam, &Call { slot, pid: self.pid, req: &req, data })
    }

    fn open(&mut self, path: &str, flags: u32) -> Result<DescInfo, Errno> {
        let a = self.call(Op::Open, &[DIR_CWD, flags.into(), 0o644, 0], path.as_bytes())?;
        Ok(DescInfo::read_from_prefix(&a.data).expect("an Info").0)
    }

    fn stat(&mut self, path: &str) -> Result<Stat, Errno> {
        let a = self.call(Op::Stat, &[DIR_CWD, 0], path.as_bytes())?;
        Ok(Stat::read_from_prefix(&a.data).expect("a Stat").0)
    }

    fn read(&mut self, path: &str) -> Result<String, Errno> {
        let d = self.open(path, O_RDONLY)?.desc.into();
        let a = self.call(Op::PRead, &[d, 1000, 0], &[])?;
        self.call(Op::Close, &[d], &[])?;
        Ok(String::from_utf8(a.data).expect("text"))
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), Errno> {
        let d = self.open(path, O_WRONLY | O_CREAT | O_TRUNC)?.desc.into();
        self.call(Op::PWrite, &[d, 0, 0], text.as_bytes())?;
        self.call(Op::Close, &[d], &[])?;
        Ok(())
    }
}

fn two(a: &str, b: &str) -> Vec<u8> {
    let mut w = Writer::new();
    w.bytes(a.as_bytes()).bytes(b.as_bytes());
    w.finish()
}

#[test]
fn the_host_directory_stays_as_it_is() {
    let t = Temp::new();
    fs::create_dir_all(t.path().join("etc/deep")).expect("mkdir");
    fs::write(t.path().join("etc/conf"), "host").expect("write");
    let mut g = Guest::new(t.path(), vec![]);
    assert_eq!(g.read("/etc/conf").as_deref(), Ok("host"));
    g.write("/etc/conf", "guest").expect("write");
    g.write("/new", "x").expect("write");
    g.call(Op::Rename, &[DIR_CWD, DIR_CWD, 0], &two("/etc", "/moved")).expect("rename a lower directory");
    assert_eq!(g.read("/moved/conf").as_deref(), Ok("guest"));
    assert_eq!(g.stat("/etc").err(), Some(Errno::ENOENT));
    assert!(g.stat("/moved/deep").is_ok());
    g.call(Op::Unlink, &[DIR_CWD, 0], b"/moved/conf").expect("unlink");
    assert_eq!(fs::read_to_string(t.path().join("etc/conf")).expect("read"), "host");
    assert!(!t.path().join("new").exists() && !t.path().join("moved").exists());
}

#[test]
fn links_of_the_host_stay_inside_the_root() {
    let t = Temp::new();
    let outside = Temp::new();
    fs::write(outside.path().join("secret"), "secret").expect("write");
    fs::create_dir(t.path().join("in")).expect("mkdir");
    symlink(outside.path().join("secret"), t.path().join("abs")).expect("symlink");
    symlink("../../../../../../../../../../etc/passwd", t.path().join("in/up")).expect("symlink");
    symlink(outside.path(), t.path().join("dir")).expect("symlink");
    let mut g = Guest::new(t.path(), vec![]);
    assert_eq!(g.read("/abs").err(), Some(Errno::ENOENT));
    assert_eq!(g.read("/in/up").err(), Some(Errno::ENOENT));
    assert_eq!(g.read("/dir/secret").err(), Some(Errno::ENOENT));
    assert_eq!(g.read("/in/../../../../../etc/passwd").err(), Some(Errno::ENOENT));
    let a = g.call(Op::ReadLink, &[DIR_CWD], b"/in/up").expect("readlink");
    assert!(a.data.ends_with(b"etc/passwd"));
}

#[test]
fn volumes_write_through_or_refuse() {
    let (t, rw, ro) = (Temp::new(), Temp::new(), Temp::new());
    fs::write(ro.path().join("f"), "ro").expect("write");
    let volume =
        |host: &Path, guest: &[u8], read_only| Volume { host: host.into(), guest: guest.to_vec(), read_only };
    let file = ro.path().join("f");
    let volumes = vec![
        volume(rw.path(), b"/data/rw", false),
        volume(ro.path(), b"/ro", true),
        volume(&file, b"/one", true),
    ];
    let mut g = Guest::new(t.path(), volumes);
    g.write("/data/rw/f", "hello").expect("write");
    g.call(Op::MkDir, &[DIR_CWD, 0o750], b"/data/rw/d").expect("mkdir");
    g.call(Op::Rename, &[DIR_CWD, DIR_CWD, 0], &two("/data/rw/f", "/data/rw/d/g")).expect("rename");
    g.call(Op::ChMod, &[DIR_CWD, 0o600, 0], b"/data/rw/d/g").expect("chmod");
    g.call(Op::UTimens, &[DIR_CWD, 0, 5, 0, 6, 0], b"/data/rw/d/g").expect("utimens");
    g.call(Op::Link, &[DIR_CWD, DIR_CWD, 0], &two("/data/rw/d/g", "/data/rw/h")).expect("link");
    let meta = fs::metadata(rw.path().join("d/g")).expect("on the host");
    assert_eq!((meta.mtime(), meta.permissions().mode() & 0o777, meta.nlink()), (6, 0o600, 2));
    assert_eq!(fs::metadata(rw.path().join("d")).expect("dir").permissions().mode() & 0o777, 0o750);
    // What the host changes is seen at once.
    fs::write(rw.path().join("h"), "from outside").expect("write");
    assert_eq!(g.read("/data/rw/d/g").as_deref(), Ok("from outside"));
    fs::remove_file(rw.path().join("h")).expect("rm");
    assert_eq!(g.stat("/data/rw/h").err(), Some(Errno::ENOENT));
    assert_eq!(g.call(Op::MkNod, &[DIR_CWD, 0o020_666, 0x103], b"/data/rw/null").err(), Some(Errno::EPERM));
    assert_eq!(g.read("/ro/f").as_deref(), Ok("ro"));
    assert_eq!(g.read("/one").as_deref(), Ok("ro"));
    assert_eq!(g.write("/ro/f", "x"), Err(Errno::EROFS));
    assert_eq!(g.write("/one", "x"), Err(Errno::EROFS));
    assert_eq!(g.call(Op::Unlink, &[DIR_CWD, 0], b"/ro/f").err(), Some(Errno::EROFS));
    let moved = g.call(Op::Rename, &[DIR_CWD, DIR_CWD, 0], &two("/data/rw/d/g", "/tmp/g"));
    assert_eq!(moved.err(), Some(Errno::EXDEV));
    // An open file outlives its name.
    let d = g.open("/data/rw/d/g", O_RDWR).expect("open").desc.into();
    g.call(Op::Unlink, &[DIR_CWD, 0], b"/data/rw/d/g").expect("unlink");
    assert_eq!(g.call(Op::PRead, &[d, 4, 0], &[]).expect("read").data, b"from");
    g.call(Op::PWrite, &[d, 0, 0], b"FROM").expect("write");
    let a = g.call(Op::ReadLink, &[d, 1], &[]).expect("its name");
    assert_eq!(a.data, b"/data/rw/d/g (deleted)");
}

#[test]
fn offsets_are_shared_and_appends_append() {
    let t = Temp::new();
    let mut g = Guest::new(t.path(), vec![]);
    let d = g.open("/tmp/f", O_RDWR | O_CREAT | O_APPEND).expect("open").desc.into();
    for (text, after) in [("abc", 3), ("def", 6)] {
        let a = g.call(Op::Write, &[d], text.as_bytes()).expect("write");
        assert_eq!(a.rets[0], after);
    }
    assert_eq!(g.call(Op::Seek, &[d, (-4i64) as u64, 2], &[]).expect("seek").ret, 2);
    assert_eq!(g.call(Op::Read, &[d, 2], &[]).expect("read").data, b"cd");
    assert_eq!(g.call(Op::TakeOffset, &[d], &[]).expect("take").ret, 4);
    g.call(Op::Recall, &[d, 1], &[]).expect("give");
    assert_eq!(g.call(Op::Read, &[d, 9], &[]).expect("read").data, b"bcdef");
    assert_eq!(g.call(Op::Seek, &[d, 3, 9], &[]).err(), Some(Errno::EINVAL));
    assert_eq!(g.call(Op::PWrite, &[d, 0, 1], b"!").expect("append").rets[0], 7);
    assert_eq!(g.call(Op::PRead, &[d, 9, u64::MAX], &[]).err(), Some(Errno::EINVAL));
}

#[test]
fn pages_are_one_region_whoever_maps_them() {
    let t = Temp::new();
    fs::write(t.path().join("lib"), vec![7; 5000]).expect("write");
    let mut g = Guest::new(t.path(), vec![]);
    let a = g.open("/lib", O_RDONLY).expect("open").desc.into();
    let b = g.open("/lib", O_RDWR).expect("open").desc.into();
    let first = g.call(Op::FileRegion, &[a, 0], &[]).expect("region");
    assert_eq!((first.rets[0], first.data.as_slice()), (5000, &b"/lib"[..]));
    let again = g.call(Op::FileRegion, &[b, 0], &[]).expect("region");
    assert_eq!(first.regions, again.regions);
    assert_eq!(g.call(Op::FileRegion, &[a, 1], &[]).err(), Some(Errno::EACCES));
    // Written through a shared mapping: copied up, and both ways of access see one file.
    let own = g.call(Op::FileRegion, &[b, 1], &[]).expect("region").regions[0].expect("an id");
    assert_ne!(Some(own), first.regions[0]);
    g.call(Op::PWrite, &[b, 0, 0], b"pw").expect("pwrite");
    let fd = g.fam.regions.file(own).expect("a file").try_clone_to_owned().expect("fd");
    let mut buf = [0; 3];
    rustix::io::pread(&fd, &mut buf, 0).expect("pread");
    assert_eq!(&buf, b"pw\x07");
    rustix::io::pwrite(&fd, b"map", 4000).expect("as a mapping would");
    assert_eq!(g.call(Op::PRead, &[a, 3, 4000], &[]).expect("read").data, b"map");
    g.call(Op::Truncate, &[2, 1, b], &[]).expect("ftruncate");
    assert_eq!(rustix::fs::fstat(&fd).expect("fstat").st_size, 2);
    let shared = g.call(Op::FileRegion, &[a, 0], &[]).expect("region").regions[0].expect("an id");
    let ro = g.fam.regions.file(shared).expect("a file");
    assert!(rustix::io::pwrite(ro, b"x", 0).is_err(), "a reader's pages cannot be written");
}

#[test]
fn locks_conflict_by_process_and_description() {
    let t = Temp::new();
    let mut g = Guest::new(t.path(), vec![]);
    let a = g.open("/tmp/f", O_RDWR | O_CREAT).expect("open").desc.into();
    let b = g.open("/tmp/f", O_RDWR).expect("open").desc.into();
    let (w, r) = (F_WRLCK as u64, F_RDLCK as u64);
    g.call(Op::Lock, &[a, F_SETLK.into(), w, 0, 10], &[]).expect("lock");
    g.call(Op::Lock, &[b, F_SETLK.into(), w, 5, 10], &[]).expect("the same process");
    let ofd = g.call(Op::Lock, &[b, F_OFD_SETLK.into(), r, 0, 1], &[]);
    assert_eq!(ofd.err(), Some(Errno::EAGAIN));
    let got = g.call(Op::Lock, &[b, abi::fs::F_OFD_GETLK.into(), r, 0, 0], &[]).expect("getlk");
    assert_eq!(got.rets[..4], [w, 0, 15, FIRST_PID.into()]);
    // Any close of the file drops the process's locks.
    g.call(Op::Close, &[a], &[]).expect("close");
    g.call(Op::Lock, &[b, F_OFD_SETLK.into(), r, 0, 1], &[]).expect("free now");
    let got = g.call(Op::Lock, &[b, F_GETLK.into(), w, 0, 0], &[]).expect("getlk");
    assert_eq!((got.rets[0], got.rets[3]), (r, u64::MAX));
    let c = g.open("/tmp/f", O_RDONLY).expect("open").desc.into();
    assert_eq!(g.call(Op::Lock, &[c, F_SETLK.into(), w, 0, 1], &[]).err(), Some(Errno::EBADF));
    g.call(Op::FLock, &[b, LOCK_EX.into()], &[]).expect("flock");
    assert_eq!(g.call(Op::FLock, &[c, LOCK_EX.into()], &[]).err(), Some(Errno::EAGAIN));
    g.call(Op::Close, &[b], &[]).expect("close");
    g.call(Op::FLock, &[c, LOCK_EX.into()], &[]).expect("flock");
}

#[test]
fn kinds_of_what_is_opened() {
    let t = Temp::new();
    let mut g = Guest::new(t.path(), vec![]);
    for (path, flags, kind) in [
        ("/dev/null", O_RDWR, Kind::Null),
        ("/dev/zero", O_RDONLY, Kind::Zero),
        ("/dev/full", O_WRONLY, Kind::Full),
        ("/dev/urandom", O_RDONLY, Kind::Random),
        ("/", O_RDONLY | O_DIRECTORY, Kind::Dir),
        ("/proc/meminfo", O_RDONLY, Kind::Generated),
        ("/proc/self/status", O_RDONLY, Kind::Generated),
        ("/tmp", O_PATH, Kind::Path),
        ("/sys/devices/system/cpu/online", O_RDONLY, Kind::Generated),
    ] {
        assert_eq!(g.open(path, flags).map(|i| i.kind), Ok(kind as u32), "{path}");
    }
    assert_eq!(g.open("/dev/console", O_RDWR).err(), Some(Errno::ENXIO));
    assert_eq!(g.open("/dev/tty", O_RDWR).err(), Some(Errno::ENXIO));
    let path = g.open("/tmp", O_PATH).expect("path").desc.into();
    assert_eq!(g.call(Op::PRead, &[path, 1, 0], &[]).err(), Some(Errno::EBADF));
    g.call(Op::FStat, &[path], &[]).expect("fstat of O_PATH");
    let maps = g.call(Op::Open, &[DIR_CWD, 0, 0, 0], b"/proc/self/maps").expect("open");
    assert_eq!(maps.rets[..2], [2, protocol::op::OWN_MAPS]);
    let own = g.call(Op::Open, &[DIR_CWD, 0, 0, 0], b"/dev/fd/7").expect("magic");
    assert_eq!(own.rets[..2], [1, 7]);
    let through = g.call(Op::Access, &[DIR_CWD, 0, 0], b"/proc/self/fd/7/x").expect("magic on the way");
    assert_eq!((through.ret, through.rets[1], through.data.as_slice()), (-66, 7, &b"x"[..]));
    let version = g.read("/proc/sys/kernel/osrelease").expect("read");
    assert_eq!(version.trim(), protocol::OS_RELEASE);
    assert!(g.read("/proc/self/mounts").expect("mounts").contains("devpts /dev/pts devpts"));
}

#[test]
fn fifos_are_pipes_with_names() {
    let t = Temp::new();
    let mut g = Guest::new(t.path(), vec![]);
    g.call(Op::MkNod, &[DIR_CWD, (S_IFIFO | 0o600).into(), 0], b"/tmp/p").expect("mkfifo");
    assert_eq!(g.open("/tmp/p", O_WRONLY | O_NONBLOCK).err(), Some(Errno::ENXIO));
    let r = g.open("/tmp/p", O_RDONLY | O_NONBLOCK).expect("reader");
    let w = g.open("/tmp/p", O_WRONLY).expect("writer");
    assert_eq!((r.kind, r.ino, r.region), (Kind::Pipe as u32, w.ino, w.region));
    let stat = g.stat("/tmp/p").expect("stat");
    let a = g.call(Op::FStat, &[r.desc.into()], &[]).expect("fstat");
    assert_eq!(Stat::read_from_prefix(&a.data).expect("a Stat").0.st_ino, stat.st_ino);
    let a = g.call(Op::Stat, &[r.desc.into(), AT_EMPTY_PATH.into()], &[]).expect("stat");
    assert_eq!(Stat::read_from_prefix(&a.data).expect("a Stat").0.st_ino, stat.st_ino);
    assert_eq!(g.call(Op::ReadLink, &[w.desc.into(), 1], &[]).expect("name").data, b"/tmp/p");
}

#[test]
fn removed_things_stay_usable_and_sealed_ones_do_not_change() {
    let t = Temp::new();
    let mut g = Guest::new(t.path(), vec![]);
    let d = g.open("/tmp/f", O_RDWR | O_CREAT).expect("open").desc.into();
    g.call(Op::Unlink, &[DIR_CWD, 0], b"/tmp/f").expect("unlink");
    g.call(Op::PWrite, &[d, 100_000, 0], b"end").expect("write");
    assert_eq!(g.call(Op::PRead, &[d, 10, 99_999], &[]).expect("read").data, b"\0end");
    let a = g.call(Op::MemFd, &[2], b"m").expect("memfd");
    let m = DescInfo::read_from_prefix(&a.data).expect("an Info").0.desc.into();
    g.call(Op::PWrite, &[m, 0, 0], b"12345").expect("write");
    assert_eq!(g.call(Op::Seals, &[m, 2 | 4 | 8], &[]).expect("seal").ret, 14);
    assert_eq!(g.call(Op::PWrite, &[m, 0, 0], b"x").err(), Some(Errno::EPERM));
    assert_eq!(g.call(Op::Truncate, &[1, 1, m], &[]).err(), Some(Errno::EPERM));
    assert_eq!(g.call(Op::FileRegion, &[m, 1], &[]).err(), Some(Errno::EPERM));
    assert_eq!(g.call(Op::ReadLink, &[m, 1], &[]).expect("name").data, b"/memfd:m (deleted)");
}
