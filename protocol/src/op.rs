//! The requests of a member to its monitor.
//!
//! Notation: `a0…a7` are the request's arguments, `data` the bytes in the slot's buffer, `ret` the reply's value (a
//! negative errno on failure; 0 unless said otherwise), `r0…r7` the reply's further values. `dir` is a description
//! number or [`DIR_CWD`] for a path that starts at the process's working directory. A path is `data` without a NUL;
//! two paths are each prefixed by a u32 length (`wire::Writer::bytes`). "→ Info" means that the reply's data is one
//! `desc::DescInfo`; "→ Stat" that it is one `abi::fs::Stat`. Nothing blocks: EAGAIN plus a later event.
//!
//! A process holds each description once, however many fds name it: the reply of an opening request makes it a
//! holder, `Close` ends that.

/// `dir` argument: the process's working directory.
pub const DIR_CWD: u64 = u64::MAX;

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident = $n:literal,)*) => {
        /// A request's kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Op { $($(#[$doc])* $name = $n,)* }

        impl Op {
            /// From the number in a request.
            pub fn from_u16(n: u16) -> Option<Op> {
                match n { $($n => Some(Op::$name),)* _ => None }
            }
            /// For traces.
            pub fn name(self) -> &'static str {
                match self { $(Op::$name => stringify!($name),)* }
            }
        }
    };
}

ops! {
    // Processes
    /// a0 = exit signal in the child's end (SIGCHLD usually, 0 none), a1 = flags ([`FORK_VFORK`] …). Makes a child of
    /// `pid` that holds all that `pid` holds. ret = child pid, r0 = child slot (0 with [`FORK_VFORK`]: it lives in
    /// this member for now), regions[0] = the child's control region (identity already written), and the child's
    /// control socket is under way (hosted). EAGAIN: no slot or pid left.
    ForkPrepare = 1,
    /// a0 = child pid, a1 = its host process id, or 0: cloning failed, undo. NOREPLY.
    ForkDone = 2,
    /// The vfork child `pid` starts its program in a fresh member: the `boot::Program` lies in this member's boot
    /// area. ret 0: from here on `pid` is no longer this member's; the parent may go on.
    SpawnExec = 3,
    /// a0 = wait status of the end of `pid`, a1 = user CPU ns, a2 = system CPU ns, a3 = max resident KiB, a4 = minor
    /// faults, a5 = voluntary switches. NOREPLY. If the pid is the member's own, its host process ends right after.
    Exit = 4,
    /// a0 = selector as wait4's pid (i64; u64 of i64), a1 = options (WNOHANG ignored: never blocks; WUNTRACED,
    /// WCONTINUED, WEXITED, WNOWAIT, __WALL …). ret = pid (r0 = wait status, r1 = uid, r2 = user CPU ns, r3 = system CPU
    /// ns, r4 = max resident KiB, r5 = minor faults, r6 = children's user ns of it, r7 = children's system ns), ECHILD,
    /// or EAGAIN (then EV_RETRY when a child changes).
    Wait = 5,
    /// a0 = target as kill's pid (i64: >0, 0, -1, -pgid), a1 = signo (0: only the checks), a2 = si_code, a3 = value.
    Kill = 6,
    /// a0 = pid, a1 = tid, a2 = signo, a3 = si_code, a4 = value: to one thread (tgkill; tid checked by the target's
    /// kernel; pid 0: find the process by its tid = pid).
    KillThread = 7,
    /// The process parked itself: a0 = signo. NOREPLY.
    Stopped = 8,
    /// The process goes on. NOREPLY.
    Continued = 9,
    /// a0 = pid (0 self), a1 = pgid (0: the pid). EPERM, ESRCH, EACCES (child has execed) as setpgid(2).
    SetPgid = 10,
    /// a0 = pid (0 self); ret = pgid.
    GetPgid = 11,
    /// ret = new session id.
    SetSid = 12,
    /// a0 = pid (0 self); ret = sid.
    GetSid = 13,
    /// Execution of a new program succeeded: data = wire { exe path, comm, list argv, list envp }, a0 = 1 if in place
    /// (the process "has execed" for setpgid). NOREPLY.
    ProcInfo = 14,
    /// data = ids[8] as u32 LE (ruid, euid, suid, fsuid, rgid, egid, sgid, fsgid) then groups: the process's credentials
    /// from now on. EPERM when the present ones do not allow it.
    SetCreds = 15,
    /// a0 = prctl-like selector: 1 PR_SET_CHILD_SUBREAPER(a1), 2 PR_SET_PDEATHSIG(a1), 3 dumpable(a1), 5 how
    /// SIGCHLD is taken (a1 = [`CHILD_REAPED`] | [`CHILD_NO_STOP`]), 6 the command name (data; up to 15 bytes), 7 capability sets (a1
    /// effective, a2 permitted, a3 inheritable, a4 bounding, a5 ambient, a6 secure bits).
    SetAttr = 16,
    /// a0 = pid; r0 = uid, r1 = gid, r2 = nice, r3 = 1 when a zombie: existence and ownership (ESRCH). Its effective,
    /// permitted and inheritable capabilities are r4 to r6.
    GetProc = 17,
    /// data = wire { u32 count, count × { u32 syscall number, u64 calls } }: calls answered ENOSYS. NOREPLY.
    Unknown = 18,
    /// data = one line of a trace. NOREPLY.
    Trace = 19,
    /// a0 = 0: data = text of a kernel crash. a0 = 1: the program that this fresh member was to start cannot be started, data =
    /// why, in words for the user ("not an ELF file"); `Exit` with 126 or 127 follows. NOREPLY.
    Crash = 20,
    /// a0 = pid (0 self), a1 = RLIMIT number, a2 = 1 to set, a3, a4 = soft, hard: of another process; r0, r1 = old.
    Prlimit = 21,
    /// r0 = children's user ns, r1 = system ns, r2 = max rss KiB, r3 = minor faults: of waited-for children.
    ChildTimes = 22,
    /// Counts for sysinfo and times: r0 = processes, r1 = total memory, r2 = free memory, r3 = uptime ns, r4..r6 = loads.
    SysInfo = 23,
    /// How processes want to be scheduled; a0 is one of [`sched`]'s: GET (a2 pid; r0 policy, r1 priority, r2 reset on fork, r3
    /// nice), SET (a2 pid, a3 policy, a4 priority, a5 = the caller has CAP_SYS_NICE, a6 reset on fork), GET_NICE (a1 which, a2
    /// who; ret = 20 - nice), SET_NICE (a1 which, a2 who, a3 nice, a5), GET_IO (a1 which, a2 who), SET_IO (a1, a2, a3 ioprio).
    /// `which` is PRIO_*, and 0 means the caller everywhere.
    Sched = 28,
    /// uname's node and domain name: a0 = 0 get (data = wire{nodename, domainname}), 1 set node (data), 2 set domain.
    HostName = 24,
    /// data = description numbers (u32 LE): all that `pid` still holds. A clone of a process with several threads says this,
    /// because another thread may have been opening or closing something just then. NOREPLY.
    Holdings = 27,
    /// a0 = pid, a1 = flags (O_NONBLOCK) → Info of a [`crate::desc::Kind::PidFd`], held by the caller. ESRCH.
    PidFdOpen = 25,
    /// a0 = desc of a pidfd, a1 = signo, a2 = si_code, a3 = value: as `Kill` to that process. ESRCH when it was waited for.
    PidFdSignal = 26,

    // Names
    //
    // A path that runs through /proc/self/fd/N (the caller's own fd, which only its member knows) is answered
    // -EREMOTE, with r1 = N, r2 = which path of the request (0 or 1) and data = what is left of it: the member asks again
    // with `dir` = that fd's description and the rest as the path (with AT_EMPTY_PATH when nothing is left). `Open`,
    // `Stat` and `ReadLink` of such a link itself say so in their own way.
    /// a0 = dir, a1 = open flags, a2 = mode & ~umask, a3 = RESOLVE_* (openat2), a4 = 1 for execution (execve's checks
    /// instead of the read permission; nobody may write while the description is held); data = path → Info, regions[0] = ring of
    /// a FIFO. EAGAIN for a FIFO without its other end (then EV_RETRY). r0 = 1: the path is a magic link to the caller's
    /// own fd r1 (/proc/self/fd/N): the member re-opens it with `Reopen` of its description. r0 = 2: a file or directory of
    /// /proc that only the caller's kernel can fill; r1 says which ([`OWN_MAPS`] …), and the Info is one of a `Generated`
    /// file or of a `Dir`.
    Open = 40,
    /// a0 = desc, a1 = open flags, a2 = 1 for execution: opens the same node anew (/proc/self/fd/N, /dev/fd) → Info as Open.
    Reopen = 41,
    /// a0 = dir, a1 = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT; data = path → Stat, r0 = birth time s,
    /// r1 = birth time ns, r2 = statx attributes, r3 = mount id, r4: bit 0: may change unseen by the monitor (the host's
    /// own doing), bit 1: someone may map it for writing, never keep its content. Magic links as Open (r0 = u64::MAX, r1 = fd).
    Stat = 42,
    /// a0 = dir; data = path; reply data = target, ret = its length. r0 = u64::MAX: a magic link to the caller's own fd r1.
    /// With a1 = 1: a0 is a description and there is no path: the name that /proc/PID/fd shows for it (`pipe:[ino]` …).
    ReadLink = 43,
    /// a0 = dir, a1 = R_OK|W_OK|X_OK, a2 = AT_EACCESS|AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH; data = path.
    Access = 44,
    /// a0 = dir, a1 = mode & ~umask; data = path.
    MkDir = 45,
    /// a0 = dir, a1 = mode with type & ~umask, a2 = dev; data = path.
    MkNod = 46,
    /// a0 = dir, a1 = AT_REMOVEDIR or 0; data = path.
    Unlink = 47,
    /// a0 = old dir, a1 = new dir, a2 = RENAME_* flags; data = two paths.
    Rename = 48,
    /// a0 = old dir, a1 = new dir, a2 = AT_SYMLINK_FOLLOW|AT_EMPTY_PATH; data = two paths.
    Link = 49,
    /// a0 = dir of the new name; data = target and path (two).
    Symlink = 50,
    /// a0 = dir, a1 = mode, a2 = AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH; data = path.
    ChMod = 51,
    /// a0 = dir, a1 = uid (u32::MAX keep), a2 = gid, a3 = AT_* as above; data = path.
    ChOwn = 52,
    /// a0 = dir, a1 = AT_*, a2, a3 = atime s, ns (UTIME_NOW/OMIT in ns), a4, a5 = mtime; data = path.
    UTimens = 53,
    /// a0 = length, a3 = the caller's RLIMIT_FSIZE; data = path (truncate(2)); with a1 = 1: a2 = desc instead (ftruncate).
    Truncate = 54,
    /// data = path (chdir), or with a1 = 1: a2 = desc (fchdir).
    ChDir = 55,
    /// data = path.
    ChRoot = 56,
    /// reply data = absolute path, ret = its length.
    GetCwd = 57,
    /// a0 = dir, a1 = 1: data is empty and dir is the desc; data = path; reply data = one `abi::fs::Statfs`.
    StatFs = 58,
    /// a0 = dir/desc, a1 = 0 get, 1 set, 2 list, 3 remove, a2 = flags (XATTR_*), a3 = AT_SYMLINK_NOFOLLOW|AT_EMPTY_PATH;
    /// data = wire { path, name, value }; reply data = value or list, ret = its length.
    XAttr = 59,
    /// mount(2) and umount2(2) where supported: a0 = 0 mount, 1 umount, a1 = flags; data = wire{source, target, fstype, data}.
    Mount = 60,
    /// a0 = desc of an inotify object, a1 = mask, a2 = wd to remove with a3 = 1; data = path; ret = wd.
    INotify = 61,

    // Descriptions
    //
    // `Read`, `Write` and `IoCtl` of a terminal: a7 = [`TTIN_IGNORED`] | [`TTOU_IGNORED`]; -ERESTARTSYS says that the
    // caller is in a background process group and that the group has been sent SIGTTIN or SIGTTOU. a6 of `Read` = 1: this
    // repeats a read(2) that was answered EAGAIN (VTIME counts from its start).
    /// a0 = desc → Stat (r0…r3 as Stat).
    FStat = 80,
    /// a0 = desc, a1 = length ≤ SLOT_DATA; offset in the monitor; ret = bytes, reply data = them.
    Read = 81,
    /// a0 = desc; data = bytes; O_APPEND as published; ret = bytes written. r0 = file offset afterwards.
    Write = 82,
    /// a0 = desc, a1 = length, a2 = offset. ret = bytes, reply data = them.
    PRead = 83,
    /// a0 = desc, a1 = offset, a2 = 1: at the end whatever a1 says (O_APPEND); data = bytes; ret = bytes, r0 = offset afterwards.
    PWrite = 84,
    /// a0 = desc, a1 = i64 offset, a2 = whence; ret = resulting offset. Also SEEK_DATA and SEEK_HOLE (which do not move
    /// the monitor's offset if a3 = 1: the sole holder keeps its own).
    Seek = 85,
    /// a0 = desc, a1 = offset: the sole holder gives its offset back. NOREPLY allowed.
    Recall = 86,
    /// a0 = desc; ret = offset: a sole holder takes the offset over.
    TakeOffset = 87,
    /// a0 = desc. NOREPLY.
    Close = 88,
    /// a0 = desc, a1 = status flags: F_SETFL.
    SetFlags = 89,
    /// a0 = desc, a1 = 1: from the start; reply data = `Dirent64` records that fit a2 bytes, ret = bytes.
    GetDents = 90,
    /// a0 = desc, a1 = 1 data only.
    FSync = 91,
    /// a0 = desc, a1 = mode, a2 = offset, a3 = length.
    FAllocate = 92,
    /// a0 = desc, a1 = LOCK_SH/EX/UN. EAGAIN when held by others (then EV_RETRY).
    FLock = 93,
    /// a0 = desc, a1 = F_GETLK/F_SETLK/F_OFD_* number (SETLKW as SETLK, a7 = 1: the caller will wait, for EDEADLK),
    /// a2 = type, a3 = start (absolute), a4 = length; for GETLK: r0 = type, r1 = start, r2 = len, r3 = pid. EAGAIN, EV_RETRY.
    Lock = 94,
    /// a0 = desc: the region of its file pages. regions[0]; a1 = 1: for writing through MAP_SHARED. ret = 0; r0 = file
    /// size; reply data = the path that /proc/PID/maps shows.
    FileRegion = 95,
    /// a0 = desc: its ring region; regions[0].
    AttachRegion = 96,
    /// a0 = desc; ret = POLL* bits of a `Stream`, and of a listening or connecting socket; arms the object's event.
    /// a1 = 1: exclusively (EPOLLEXCLUSIVE): of the members armed so, a new connection wakes one.
    PollDesc = 97,
    /// a0 = desc, a1 = ioctl number, data = argument bytes; ret = value, reply data = result bytes (terminals, FIONREAD).
    /// Arguments passed by value (TCSBRK, TCFLSH …) are data too, as a u64. SIOCGIFCONF: reply data = all `ifreq`s.
    /// TIOCGPTPEER → Info.
    IoCtl = 98,
    /// a0 = source desc, a1 = offset, a2 = target desc, a3 = offset, a4 = length: copy_file_range between files; ret = bytes.
    CopyRange = 99,
    /// a0 = desc → Info (as it is now: a socket after connect, a passed description).
    DescInfo = 100,
    /// a0 = desc, a1 = seals to add, or u64::MAX to ask. ret = seals.
    Seals = 101,

    // Things without names
    /// a0 = flags (O_NONBLOCK, O_DIRECT); reply data = Info of the read end, then of the write end; regions[0] the ring.
    Pipe = 120,
    /// a0 = initial value, a1 = EFD flags → Info; regions[0].
    EventFd = 121,
    /// a0 = MFD_* flags; data = name → Info.
    MemFd = 122,
    /// a0 = length: anonymous shared memory; regions[0]. It lives as long as some process has it attached.
    SharedAnon = 123,
    /// a0 = region: this member uses it no longer (rings, file pages, shared memory): if a reply names it again, it is
    /// delivered again. NOREPLY.
    Detach = 124,
    /// Allocates a pty pair → Info of the master (the slave opens by name).
    PtyOpen = 125,
    /// a0 = desc of a pipe, a1 = capacity: F_SETPIPE_SZ. ret = capacity; the ring may move: regions[0], → Info.
    PipeSize = 126,
    /// a0 = flags → Info of an inotify object.
    INotifyOpen = 127,
    /// a0 = 1: of CLOCK_REALTIME, a1 = flags (O_NONBLOCK) → Info; regions[0].
    TimerFd = 128,
    /// Epoll instances that several processes hold; what is watched is in [`crate::epoll::Entry`]s. a0 = 0 make(→ Info), 1
    /// tell(a1 desc, a2 = [`crate::epoll::FIRST`] | [`crate::epoll::LAST`]; data = entries, in several requests if need be:
    /// they become the list), 2 list(a1 desc, a2 = how many to leave out; ret = how many there are, data = entries), 3 to 5
    /// add, change, remove (a1 desc; data = one entry: EEXIST, ENOENT as epoll_ctl(2), EBADF when the caller may not watch
    /// it), 6 take(a1 desc; data = the entry that is to be reported: EAGAIN when another process has reported it). r0 = the
    /// instance's [`crate::family::DescState::changes`] as of the answer.
    Epoll = 129,

    // Sockets
    //
    // A connection's region has the two rings that the Infos tell; whoever is at the other end (a member, or the monitor
    // for the outside) is armed in them like any waiter. A pending error is in the ring that the socket reads
    // ([`crate::ring::Ring::take_error`]); before there are rings GetSockOpt(SO_ERROR) has it. Shutting down writing closes
    // the output ring on both sides (EPIPE); reading ends with CLOSED_WRITE or CLOSED_LOCAL once the ring is empty.
    // A datagram socket has one ring, that it receives in, from the start; seqpacket sockets have two record rings. Records
    // are only ever sent by requests. Freeing a record wakes the ring's writers, the monitor among them (slot 0).
    /// a0 = domain, a1 = type with SOCK_NONBLOCK, a2 = protocol → Info.
    Socket = 140,
    /// As Socket; reply data = two Infos; regions[0] holds the rings of both; for datagrams regions[1] is the second's.
    SocketPair = 141,
    /// a0 = desc, a1 = 0777 & ~umask; data = sockaddr.
    Bind = 142,
    /// a0 = desc, a1 = backlog.
    Listen = 143,
    /// a0 = desc; data = sockaddr. ret 0: connected → Info, regions[0]; EINPROGRESS: the object tells (then `DescInfo` and
    /// `AttachRegion`, or SO_ERROR; a blocking connect(2) waits so); EAGAIN: a Unix listener's queue is full, the object
    /// tells when to repeat. For datagram sockets only sets the peer.
    Connect = 144,
    /// a0 = desc, a1 = flags (SOCK_NONBLOCK) → Info of the connection, then (r0 bytes) the peer's sockaddr; regions[0].
    /// EAGAIN: queue empty, and the member is armed for one event of the object (a2 = 1: exclusive, wake one).
    Accept = 145,
    /// a0 = desc, a1 = 0 own, 1 peer; reply data = sockaddr, ret = its length.
    SockName = 146,
    /// a0 = desc, a1 = level, a2 = name; reply data = value.
    GetSockOpt = 147,
    /// a0 = desc, a1 = level, a2 = name; data = value.
    SetSockOpt = 148,
    /// a0 = desc, a1 = SHUT_*.
    Shutdown = 149,
    /// a0 = desc, a1 = MSG flags, a2 = address length; data = sockaddr, then payload: one datagram or seqpacket record.
    /// ret = bytes; EAGAIN: the receiver's queue is full, and the socket's object tells when to retry.
    SendTo = 150,
    /// a0 = desc, a1 = stream position (ring tail) that the data belongs to; data = `anc::Sent` for a stream socket.
    /// For records: a1 = u64::MAX, a2 = MSG flags, data = wire { bytes anc::Sent, bytes sockaddr, bytes payload }: sent as one.
    SendAnc = 151,
    /// a0 = desc, a1 = ring head; reply data = `anc::Received` of the record at or before that position. ret = 0; r0 = its
    /// stream position. ret = 1: none there; r0 = 1: the next one is at position r1, a read must not go beyond it.
    /// a2 = 1: MSG_PEEK, the record stays (its descriptions are held by the caller all the same).
    RecvAnc = 152,
    /// a0 = desc, a1 = bytes: a record's place in a receive queue was freed (only after SendTo answered someone EAGAIN).
    RecvSpace = 153,

    // Futexes in shared memory
    /// a0 = region, a1 = offset, a2 = bitset: the calling thread waits; woken by an inbox message that names this place
    /// and the thread. ret 0: registered. A thread may register at several places (futex_waitv).
    FutexWait = 160,
    /// a0 = region, a1 = offset, a2 = count, a3 = bitset. ret = woken: the longest waiting first, of whatever member.
    FutexWake = 161,
    /// a0 = region, a1 = offset as given to `FutexWait`: the wait ended otherwise; ret = 1 if a wake-up had been sent
    /// already.
    FutexCancel = 162,
    /// a0 = region, a1 = offset, a2 = wake, a3 = requeue, a4 = region2, a5 = offset2. ret = woken, r0 = requeued. A
    /// requeued waiter is still named by the place where it registered.
    FutexRequeue = 163,
    /// System V, all three: r7 = 1 says that the call must wait (EV_RETRY tells when to repeat it), EAGAIN and ENOMSG are
    /// for the program (IPC_NOWAIT). a0 = 0 shmget(a1 key, a2 size, a3 flags), 1 shmat(a1 id, a2 flags; regions[0], r0 size),
    /// 2 shmdt(a1 id; an exec detaches all), 3 shmctl(a1 id, a2 cmd; data ds).
    SysVShm = 164,
    /// a0 = 0 semget(a1 key, a2 n, a3 flags), 1 semop(a1 id; data = sembufs), 2 semctl(a1 id, a2 num, a3 cmd; data = the
    /// value as i32, the values as u16s, or ds; reply data = the values or ds; SETALL without data: ret = how many values it
    /// wants), 3 the thread gave up waiting.
    SysVSem = 165,
    /// a0 = 0 msgget(a1 key, a2 flags), 1 msgsnd(a1 id, a2 flags; data = type i64 + text), 2 msgrcv(a1 id, a2 size, a3 type,
    /// a4 flags; ret = bytes of text; reply data = type i64 + text), 3 msgctl(a1 id, a2 cmd; data),
    /// 4 the thread gave up waiting.
    SysVMsg = 166,
    /// POSIX message queues. a0 = 0 open(a1 flags, a2 mode & ~umask, a3 = 1: a4 messages and a5 bytes of each, a6 =
    /// RLIMIT_MSGQUEUE; data = name → Info), 1 unlink(data = name), 2 send(a1 desc, a2 priority; data) and 3 receive(a1 desc, a2
    /// room; ret = bytes, r0 = priority, data), both EAGAIN until the object tells a change, 4 attributes(a1 desc, a2 = 1 to
    /// set, a3 flags; r0 flags, r1 messages, r2 bytes of each, r3 messages now), 5 notify(a1 desc, a2 = 0 end, 1 nothing, 2 a
    /// signal, a3 signo, a4 value), 6 the thread gave up waiting (a1 desc).
    MQueue = 167,
}

/// What `Sched` is to do.
pub mod sched {
    pub const GET: u64 = 0;
    pub const SET: u64 = 1;
    pub const GET_NICE: u64 = 2;
    pub const SET_NICE: u64 = 3;
    pub const GET_IO: u64 = 4;
    pub const SET_IO: u64 = 5;
}

/// r1 of `Open` with r0 = 2: /proc/self/maps.
pub const OWN_MAPS: u64 = 1;
/// … /proc/self/smaps.
pub const OWN_SMAPS: u64 = 2;
/// … the directory /proc/self/fd.
pub const OWN_FD: u64 = 3;
/// … the directory /proc/self/fdinfo.
pub const OWN_FDINFO: u64 = 4;
/// … /proc/self/fdinfo/N; r2 = N.
pub const OWN_FDINFO_N: u64 = 5;
/// … /proc/self/statm.
pub const OWN_STATM: u64 = 6;

/// a7 of `Read`, `Write` and `IoCtl`: the calling thread ignores or blocks SIGTTIN.
pub const TTIN_IGNORED: u64 = 1;
/// a7 of `Read`, `Write` and `IoCtl`: the calling thread ignores or blocks SIGTTOU.
pub const TTOU_IGNORED: u64 = 2;

/// `SetAttr` 5: ended children become no zombies (SIGCHLD ignored, or SA_NOCLDWAIT).
pub const CHILD_REAPED: u64 = 1;
/// `SetAttr` 5: no SIGCHLD when a child stops or goes on (SA_NOCLDSTOP).
pub const CHILD_NO_STOP: u64 = 2;

/// `ForkPrepare` flag: the child is a vfork child that lives in its parent's member until `SpawnExec` or `Exit`.
pub const FORK_VFORK: u64 = 1;
/// `ForkPrepare` flag: CLONE_PARENT, the new process is the caller's sibling.
pub const FORK_PARENT: u64 = 2;
/// `ForkPrepare` flag: the child does not share the file system context but gets a copy (always, unless CLONE_FS).
pub const FORK_SHARE_FS: u64 = 4;
