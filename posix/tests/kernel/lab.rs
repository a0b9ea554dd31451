//! A member on the fake platform. Programs are closures that make system calls through the kernel's one entry, and are
//! entered as user mode would be: handlers run on the frames that the kernel builds, a restarted call is made again.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use abi::Errno;
use abi::nr::*;
use abi::process::RLIMIT_NOFILE;
use abi::regs::{KIND_FAULT, KIND_KICK, KIND_SYSCALL, RFLAGS_DEFAULT, TrapFrame};
use abi::signal::{KernelSigAction, SA_RESTORER, SigInfo, SigSet, UContext};
use offshoot_posix as posix;
use platform::fake::Fake;
use platform::{Machine, Platform};
use process::mm::AddressSpace;
use process::signal::ProcessSignals;
use process::{Process, Thread, kernel};
use protocol::Op;
use protocol::control::{Reply, Request};
use vfs::fdtable::FdTable;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// Where the program's one system-call instruction lies, and what follows it.
const SITE: u64 = 0x40_0000;
const AFTER: u64 = SITE + 2;
/// The restorer that handlers return to.
const RESTORER: u64 = 0x41_0000;
/// Handlers have addresses from here on.
const HANDLERS: u64 = 0x42_0000;
const STACK: usize = 0x1_0000;
/// The process's pid.
pub const PID: u32 = 2;

type Body = Box<dyn FnOnce(&App) + Send>;
type Handler = Arc<dyn Fn(&App, &SigInfo, usize) + Send + Sync>;

/// What the monitor answers, where a plain yes will not do.
pub type Answers = Box<dyn FnMut(&Request, &[u8]) -> Option<(Reply, Vec<u8>)> + Send>;

/// What outlives a run: one kernel per test program.
struct Lab {
    fake: &'static Fake,
    requests: Mutex<Vec<Request>>,
    answers: Mutex<Option<Answers>>,
    bodies: Mutex<HashMap<u64, Body>>,
    handlers: Mutex<Vec<Handler>>,
}

static LAB: OnceLock<Lab> = OnceLock::new();
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn lab() -> &'static Lab {
    LAB.get_or_init(|| {
        let fake = Fake::new(Box::new(monitor));
        process::kernel::init(fake, enter);
        fake.set_user(Box::new(|frame| {
            let body = lock(&lab().bodies).remove(&frame.rsp).expect("a stack that a thread was made with");
            let app = App { sp: Cell::new(frame.rsp) };
            body(&app);
            app.call(SYS_exit, &[]);
        }));
        Lab {
            fake,
            requests: Mutex::default(),
            answers: Mutex::default(),
            bodies: Mutex::default(),
            handlers: Mutex::default(),
        }
    })
}

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(|e| e.into_inner())
}

/// Remembers the request and says yes, or what the test has it say.
fn monitor(request: &Request, data: &[u8]) -> (Reply, Vec<u8>) {
    lock(&lab().requests).push(*request);
    let special = lock(&lab().answers).as_mut().and_then(|answers| answers(request, data));
    special.unwrap_or_default()
}

/// An error as an answer.
pub fn refusal(e: Errno) -> Option<(Reply, Vec<u8>)> {
    Some((Reply { ret: error(e), ..Reply::default() }, Vec::new()))
}

/// What a system call gives for an error.
pub fn error(e: Errno) -> i64 {
    -i64::from(e.0)
}

fn enter(mut frame: TrapFrame) -> ! {
    posix::trap::before_user(&mut frame);
    kernel().platform.enter_user(&frame)
}

/// Runs a program as the one process of a fresh member, to its end. Gives the requests that reached the monitor.
pub fn run(program: impl FnOnce(&App) + Send + 'static) -> Vec<Request> {
    let _alone = lock(&ONE_AT_A_TIME);
    let lab = lab();
    lock(&lab.requests).clear();
    *lock(&lab.answers) = None;
    lab.fake.set_cloning(None);
    lab.fake.limit_contexts(u64::MAX);
    lab.fake.run(Box::new(move || {
        let k = kernel();
        k.sched.forget_others();
        process::futex::child();
        let mm = Arc::new(AddressSpace::new(0xfff_0000_0000));
        let p = Process::new(PID, mm, Arc::new(FdTable::default()), Arc::new(ProcessSignals::default()));
        p.rlimits.lock()[RLIMIT_NOFILE as usize] = (1024, 4096);
        let thread = Thread::new(PID, p.clone(), Some(k.platform.current_context()));
        p.threads.lock().push(thread.clone());
        *k.processes.lock() = vec![p];
        k.sched.adopt(thread);
        let app = App { sp: Cell::new(0x50_0000) };
        let stack = app.memory(STACK);
        app.sp.set((stack + STACK) as u64);
        program(&app);
        app.call(SYS_exit_group, &[0]);
    }));
    std::mem::take(&mut *lock(&lab.requests))
}

/// The requests of one kind.
pub fn of_kind(requests: &[Request], op: Op) -> Vec<[u64; 8]> {
    requests.iter().filter(|r| r.op == op as u16).map(|r| r.args).collect()
}

/// A thread of the program, in user mode.
pub struct App {
    sp: Cell<u64>,
}

impl App {
    /// The platform below.
    pub fn fake(&self) -> &'static Fake {
        lab().fake
    }

    fn frame(&self, kind: u64) -> TrapFrame {
        TrapFrame {
            kind,
            rip: AFTER,
            rsp: self.sp.get(),
            rflags: RFLAGS_DEFAULT,
            orig_rax: u64::MAX,
            rbx: 0xb0b,
            xmm: [[7, 9]; 16],
            ..TrapFrame::default()
        }
    }

    /// Makes a system call; the value or the negative errno.
    pub fn call(&self, nr: usize, args: &[usize]) -> i64 {
        let arg = |i: usize| args.get(i).copied().unwrap_or(0) as u64;
        let mut f = self.frame(KIND_SYSCALL);
        (f.rax, f.orig_rax) = (nr as u64, nr as u64);
        (f.rdi, f.rsi, f.rdx, f.r10, f.r8, f.r9) = (arg(0), arg(1), arg(2), arg(3), arg(4), arg(5));
        posix::trap(&mut f);
        self.go_on(&mut f);
        assert_eq!((f.rbx, f.xmm[3], f.rsp), (0xb0b, [7, 9], self.sp.get()), "registers are kept");
        f.rax as i64
    }

    /// Computes for a while; the timer may interrupt.
    pub fn compute(&self, ns: u64) {
        self.fake().compute(ns);
        let mut f = self.frame(KIND_KICK);
        self.go_on(&mut f);
    }

    /// Faults; comes back when a handler has returned.
    pub fn fault(&self, trapno: u64, addr: u64, hint: u32) {
        let mut f = self.frame(KIND_FAULT);
        (f.trapno, f.fault_addr, f.hint) = (trapno, addr, hint);
        posix::trap(&mut f);
        self.go_on(&mut f);
    }

    /// Follows the frame until the program is where it was.
    fn go_on(&self, f: &mut TrapFrame) {
        loop {
            while self.fake().timer_due() {
                f.kind = KIND_KICK;
                f.orig_rax = u64::MAX;
                posix::trap(f);
            }
            match f.rip {
                AFTER => return,
                // The call is to be made again.
                SITE => {
                    f.kind = KIND_SYSCALL;
                    f.orig_rax = f.rax;
                    f.rip = AFTER;
                    posix::trap(f);
                }
                at => self.handle(at, f),
            }
        }
    }

    /// Runs a handler on its frame, and returns from it.
    fn handle(&self, at: u64, f: &mut TrapFrame) {
        let handler = lock(&lab().handlers)[(at - HANDLERS) as usize].clone();
        assert_eq!((f.rsp + 8) % 16, 0, "a handler starts with an aligned stack");
        let info: SigInfo = self.read(f.rsi as usize);
        assert_eq!(info.si_signo as u64, f.rdi);
        assert_eq!(self.read::<u64>(f.rsp as usize), RESTORER);
        let outer = self.sp.replace(f.rsp);
        handler(self, &info, f.rdx as usize);
        self.sp.set(outer);
        f.rsp += 8;
        f.kind = KIND_SYSCALL;
        f.orig_rax = SYS_rt_sigreturn as u64;
        posix::trap(f);
    }

    /// Maps zeroed memory.
    pub fn memory(&self, len: usize) -> usize {
        let at = self.call(SYS_mmap, &[0, len, 3, 0x22, usize::MAX, 0]);
        assert!(at > 0, "mmap: {at}");
        at as usize
    }

    /// Reads the program's memory.
    pub fn read<T: FromBytes + IntoBytes>(&self, at: usize) -> T {
        let mut v = T::new_zeroed();
        self.fake().copy_in(at, v.as_mut_bytes()).expect("readable");
        v
    }

    /// Writes the program's memory.
    pub fn write<T: IntoBytes + Immutable>(&self, at: usize, v: T) {
        self.fake().copy_out(at, v.as_bytes()).expect("writable");
    }

    /// Puts a value into fresh memory.
    pub fn place<T: IntoBytes + Immutable>(&self, v: T) -> usize {
        let at = self.memory(size_of::<T>());
        self.write(at, v);
        at
    }

    /// Starts a thread; gives its tid.
    pub fn spawn(&self, body: impl FnOnce(&App) + Send + 'static) -> u32 {
        const FLAGS: usize = 0x1_0f00;
        let top = self.memory(STACK) + STACK;
        lock(&lab().bodies).insert(top as u64, Box::new(body));
        let tid = self.call(SYS_clone, &[FLAGS, top]);
        assert!(tid > 0, "clone: {tid}");
        tid as u32
    }

    /// Installs a handler; it gets the siginfo and the address of the ucontext.
    pub fn handle_signal(
        &self,
        signo: i32,
        flags: u64,
        mask: SigSet,
        handler: impl Fn(&App, &SigInfo, usize) + Send + Sync + 'static,
    ) {
        let mut handlers = lock(&lab().handlers);
        handlers.push(Arc::new(handler));
        let address = HANDLERS + handlers.len() as u64 - 1;
        drop(handlers);
        let action =
            KernelSigAction { handler: address, flags: flags | SA_RESTORER, restorer: RESTORER, mask };
        let at = self.place(action);
        assert_eq!(self.call(SYS_rt_sigaction, &[signo as usize, at, 0, 8]), 0);
    }

    /// Blocks, unblocks or sets signals.
    pub fn mask(&self, how: i32, set: SigSet) {
        let at = self.place(set);
        assert_eq!(self.call(SYS_rt_sigprocmask, &[how as usize, at, 0, 8]), 0);
    }

    /// The mask that a handler's frame gives back.
    pub fn saved_mask(&self, context: usize) -> SigSet {
        self.read::<UContext>(context).uc_sigmask
    }

    /// Says what the monitor answers from now on.
    pub fn answer(&self, answers: impl FnMut(&Request, &[u8]) -> Option<(Reply, Vec<u8>)> + Send + 'static) {
        *lock(&lab().answers) = Some(Box::new(answers));
    }

    /// The requests made since the last look.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *lock(&lab().requests))
    }

    /// The monotonic time.
    pub fn now(&self) -> u64 {
        platform::Clock::monotonic(self.fake())
    }
}

/// A log that threads and handlers share.
#[derive(Clone, Default)]
pub struct Log(Arc<Mutex<Vec<i64>>>);

impl Log {
    /// Adds an entry.
    pub fn add(&self, entry: i64) {
        lock(&self.0).push(entry);
    }

    /// All entries.
    pub fn all(&self) -> Vec<i64> {
        lock(&self.0).clone()
    }
}

const _: fn(&Fake) -> &dyn Platform = |f| f;
