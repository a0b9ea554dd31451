//! A kernel that tries out the hosted platform from both sides: it runs a small program (`app.s`) and checks what comes
//! through the seam. It reports a line a check; `tests/hosted.rs` starts it and reads them.
#![cfg_attr(freestanding, no_std, no_main)]

extern crate alloc;

use alloc::format;
use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use abi::regs::{KIND_FAULT, KIND_KICK, TrapFrame};
use platform::machine::Entry;
use platform::{
    Backing, Clock, CloneMember, ClonePlan, Cloned, CodeSpace, ContextId, Events, Machine, Platform, Prot,
};
use platform::{Regions, TRAMPOLINES_LEN};
use platform_hosted::HOSTED;
use platform_hosted::start::Kernel;

core::arch::global_asm!(include_str!("selftest/app.s"));

unsafe extern "C" {
    static app_start: u8;
    static app_end: u8;
    static app_thread: u8;
}

/// Where the program, its data and its trampolines lie.
const CODE: usize = 0x4000_0000;
const DATA: usize = 0x4100_0000;
const TRAMPOLINES: usize = 0x4200_0000;

static CALLS: AtomicU64 = AtomicU64::new(0);
static TRAPPED: AtomicU64 = AtomicU64::new(0);
static KICKS: AtomicU64 = AtomicU64::new(0);
static FAULTS: AtomicUsize = AtomicUsize::new(0);
static STARTED: AtomicU64 = AtomicU64::new(0);
static PERIOD: AtomicU64 = AtomicU64::new(0);
static MAIN: AtomicU64 = AtomicU64::new(0);
static OTHER: AtomicU64 = AtomicU64::new(0);

/// What the platform runs.
#[cfg_attr(freestanding, unsafe(no_mangle))]
fn offshoot_kernel() -> Kernel {
    Kernel { entry: Entry { trap }, start }
}

/// Stands in outside of the profile `kernel`.
#[cfg(not(freestanding))]
fn main() {
    let _ = offshoot_kernel;
}

fn say(text: &str) {
    HOSTED.console(text.as_bytes());
}

fn check(what: &str, good: bool) {
    say(&format!("{} {what}\n", if good { "ok" } else { "FAIL" }));
}

/// The mappings of this kernel, as far as patching asks.
struct Space;

impl CodeSpace for Space {
    fn private_rights(&self, addr: usize) -> Option<Prot> {
        (CODE..CODE + 0x10000).contains(&addr).then_some(Prot::READ | Prot::EXEC)
    }
    fn trampolines_near(&mut self, _: usize) -> Option<usize> {
        HOSTED.map(TRAMPOLINES, TRAMPOLINES_LEN, Prot::READ | Prot::EXEC, Backing::Anon).ok()?;
        Some(TRAMPOLINES)
    }
}

fn start(_: &'static dyn Platform) -> ! {
    let (from, to) = (&raw const app_start as usize, &raw const app_end as usize);
    // SAFETY: the program's bytes, between its two labels.
    let code = unsafe { core::slice::from_raw_parts(from as *const u8, to - from) };
    check("map", HOSTED.map(CODE, 0x10000, Prot::READ | Prot::WRITE, Backing::Anon).is_ok());
    check("copy_out", HOSTED.copy_out(CODE, code).is_ok());
    check("protect", HOSTED.protect(CODE, 0x10000, Prot::READ | Prot::EXEC).is_ok());
    check("map data", HOSTED.map(DATA, 0x10000, Prot::READ | Prot::WRITE, Backing::Anon).is_ok());
    memory();
    clocks();
    cloning();
    MAIN.store(u64::from(HOSTED.current_context().0), Ordering::Relaxed);
    HOSTED.enter_user(&TrapFrame {
        rip: CODE as u64,
        rsp: DATA as u64 + 0x8000,
        rdi: DATA as u64,
        rflags: abi::regs::RFLAGS_DEFAULT,
        mxcsr: abi::regs::MXCSR_DEFAULT,
        ..TrapFrame::default()
    })
}

fn memory() {
    let mut buf = [0; 300];
    check("copy_in of a hole faults", HOSTED.copy_in(0x5000_0000, &mut buf).is_err());
    check("copy_out to the kernel faults", HOSTED.copy_out(0x7000_0000, &buf).is_err());
    check("copy_out to read-only memory faults", HOSTED.copy_out(CODE, &buf).is_err());
    let end = DATA + 0x10000;
    check("copy_in across the end faults", HOSTED.copy_in(end - 100, &mut buf).is_err());
    for len in 0..buf.len() {
        let bytes: alloc::vec::Vec<u8> = (0..len).map(|i| (i * 7 + len) as u8).collect();
        let mut back = alloc::vec![0; len];
        let done = HOSTED.copy_out(DATA + 3, &bytes).is_ok() && HOSTED.copy_in(DATA + 3, &mut back).is_ok();
        if !done || back != bytes {
            check("copies of all lengths", false);
        }
    }
    check("string", HOSTED.copy_out(DATA, b"hello\0").is_ok() && HOSTED.copy_in_str(DATA, &mut buf) == Ok(5));
    check("string too long", HOSTED.copy_in_str(DATA, &mut buf[..3]) == Ok(3));
    check("string in a hole", HOSTED.copy_in_str(0x5000_0000, &mut buf).is_err());
    check("word", HOSTED.copy_out(DATA, &7u32.to_le_bytes()).is_ok() && HOSTED.load_u32(DATA) == Ok(7));
    check("cas", HOSTED.cas_u32(DATA, 7, 9) == Ok(7) && HOSTED.cas_u32(DATA, 7, 8) == Ok(9));
    check("word in a hole", HOSTED.load_u32(0x5000_0000).is_err());
    check("discard", HOSTED.discard(DATA, 0x1000).is_ok() && HOSTED.load_u32(DATA) == Ok(0));
    check(
        "the kernel's image cannot be mapped over",
        HOSTED.map(0x7000_0000, 0x1000, Prot::READ, Backing::Anon).is_err(),
    );
    let mut pages = [9; 16];
    check("resident", HOSTED.resident(DATA, &mut pages).is_ok() && pages.iter().all(|p| *p < 2));
}

fn clocks() {
    let (a, b) = (HOSTED.monotonic(), HOSTED.monotonic());
    check("time passes", a > 0 && b >= a && b - a < 1_000_000_000);
    check("wall clock", HOSTED.wall() > 1_600_000_000_000_000_000);
    HOSTED.wait(Some(HOSTED.monotonic() + 1_000_000));
    check("wait ends at its deadline", HOSTED.monotonic() - b >= 1_000_000);
    let mut random = [0; 40];
    HOSTED.entropy(&mut random);
    check("entropy", random.iter().any(|b| *b != 0));
}

/// The monitor has a control region and a socket ready for a child: region 77, slot 2.
fn cloning() {
    use protocol::SharedMem;
    check("accept", HOSTED.accept(77, protocol::control::REGION_SIZE as u64).is_ok() && HOSTED.has(77));
    let view = HOSTED.view(77, true);
    check("view", view.as_ref().is_ok_and(|v| v.len() == protocol::control::REGION_SIZE));
    let plan = ClonePlan { control_region: 77, slot: 2, pid: 1234 };
    let begin = HOSTED.monotonic();
    match HOSTED.clone_member(&plan) {
        Ok(Cloned::Child(identity)) => {
            check("child: identity", identity.pid == 1234 && HOSTED.slot() == 2);
            HOSTED.notify(1, 2000);
            HOSTED.exit()
        }
        Ok(Cloned::Parent { token }) => {
            let done = HOSTED.monotonic();
            check("parent: token", token > 1);
            let mut seen = false;
            while !seen {
                HOSTED.wait(None);
                HOSTED.take(&mut |event| seen |= event == 2000);
            }
            check("parent: event from the child", HOSTED.slot() == 1);
            say(&format!(
                "note clone {} us, child's event after {} us\n",
                (done - begin) / 1000,
                (HOSTED.monotonic() - begin) / 1000
            ));
        }
        Err(e) => check(&format!("clone {e:?}"), false),
    }
}

/// What the program asks for; see `app.s`.
fn trap(frame: &mut TrapFrame) {
    match frame.kind {
        KIND_KICK => kick(frame),
        KIND_FAULT => fault(frame),
        _ => {
            CALLS.fetch_add(1, Ordering::Relaxed);
            if frame.trapped() {
                TRAPPED.fetch_add(1, Ordering::Relaxed);
                HOSTED.patch_site(frame, &mut Space);
            }
            call(frame);
        }
    }
}

fn kick(frame: &mut TrapFrame) {
    HOSTED.take(&mut |_| {});
    KICKS.fetch_add(1, Ordering::Relaxed);
    // The program spins on r14 or does not look at it.
    if frame.r14 == 0 {
        frame.r14 = 1;
    }
    let period = PERIOD.load(Ordering::Relaxed);
    if period != 0 {
        HOSTED.arm(Some(HOSTED.monotonic() + period));
    }
}

fn fault(frame: &mut TrapFrame) {
    use abi::signal::{SIGFPE, SIGILL, SIGSEGV, SIGTRAP};
    let expected: &[(&str, i32, u64, u64)] = &[
        ("fault: null load", SIGSEGV, 14, 0x10),
        ("fault: write to code", SIGSEGV, 14, CODE as u64),
        ("fault: ud2", SIGILL, 6, 0),
        ("fault: division", SIGFPE, 0, 0),
        ("fault: int3", SIGTRAP, 3, 0),
        ("fault: hlt", SIGSEGV, 13, 0),
        ("fault: bad jump", SIGSEGV, 13, 0),
        ("fault: int 0x80", SIGSEGV, 13, 0),
    ];
    let (what, signo, trapno, addr) = expected[FAULTS.fetch_add(1, Ordering::Relaxed) % expected.len()];
    let good = frame.fault_signo() == Some(signo) && frame.trapno == trapno;
    check(what, good && (trapno != 14 || frame.fault_addr == addr));
    if !good {
        say(&format!("note {frame:x?}\n"));
    }
    frame.rip = frame.r15;
}

fn call(frame: &mut TrapFrame) {
    match frame.syscall_nr() {
        // getppid: the warm call.
        110 => frame.set_ret(42),
        // Check number rdi: the program found rsi where it wants rdx.
        1000 => {
            check(&format!("program: {}", name(frame.rdi)), frame.rsi == frame.rdx);
            if frame.rsi != frame.rdx {
                say(&format!("note {:#x} {:#x}\n", frame.rsi, frame.rdx));
            }
        }
        // A mark before and after the loop of warm calls; rdi calls were made.
        1001 => mark(frame),
        // A kick every rdi ns from now on.
        1002 => {
            PERIOD.store(frame.rdi, Ordering::Relaxed);
            HOSTED.arm((frame.rdi != 0).then(|| HOSTED.monotonic() + frame.rdi));
        }
        // Starts the other thread and switches to it, then to and fro.
        1003 => threads(frame),
        // Clobbers the low vector registers as compiled code may.
        1004 => clobber(),
        // Jumps to the address in rdi.
        1005 => frame.rip = frame.rdi,
        1006 => {
            check("kicks came", KICKS.load(Ordering::Relaxed) > 10);
            say(&format!("note {} kicks\n", KICKS.load(Ordering::Relaxed)));
        }
        1007 => xstate(frame),
        60 => {
            check("all faults", FAULTS.load(Ordering::Relaxed) == 8);
            say("end\n");
            HOSTED.exit()
        }
        nr => check(&format!("unknown call {nr}"), false),
    }
}

fn name(id: u64) -> &'static str {
    let names = [
        "getppid",
        "registers kept",
        "xmm kept",
        "ymm kept",
        "kicked out of a loop",
        "loop intact under kicks",
    ];
    let more =
        ["punned site", "jump into a site is repaired", "xstate restored", "flags kept", "long mov site"];
    names.iter().chain(&more).nth(id as usize).copied().unwrap_or("?")
}

fn mark(frame: &TrapFrame) {
    let now = HOSTED.monotonic();
    let begin = STARTED.swap(now, Ordering::Relaxed);
    let (calls, trapped) = (CALLS.swap(0, Ordering::Relaxed), TRAPPED.swap(0, Ordering::Relaxed));
    if let Some(each) = (now - begin).checked_div(frame.rdi) {
        say(&format!("note {each} ns a call; {calls} calls, {trapped} trapped\n"));
        check("warm calls do not trap", trapped < 20);
    }
}

fn threads(_: &mut TrapFrame) {
    if OTHER.load(Ordering::Relaxed) == 0 {
        match HOSTED.create_context(second, CODE) {
            Ok(id) => OTHER.store(u64::from(id.0), Ordering::Relaxed),
            Err(e) => check(&format!("create_context {e:?}"), false),
        }
    }
    let (main, other) = (MAIN.load(Ordering::Relaxed) as u32, OTHER.load(Ordering::Relaxed) as u32);
    let to = if HOSTED.current_context() == ContextId(main) { other } else { main };
    HOSTED.switch_context(ContextId(to));
}

fn second(code: usize) -> ! {
    let at = &raw const app_thread as usize - &raw const app_start as usize;
    HOSTED.set_tls(0x1234_5000);
    HOSTED.enter_user(&TrapFrame {
        rip: (code + at) as u64,
        rsp: DATA as u64 + 0x9000,
        rflags: abi::regs::RFLAGS_DEFAULT,
        mxcsr: abi::regs::MXCSR_DEFAULT,
        ..TrapFrame::default()
    })
}

fn clobber() {
    // SAFETY: declared to the compiler.
    unsafe {
        core::arch::asm!("pcmpeqd xmm0, xmm0", "pcmpeqd xmm7, xmm7", "pcmpeqd xmm15, xmm15", out("xmm0") _, out("xmm7") _, out("xmm15") _);
    }
}

/// Saves the state, changes it, restores it.
fn xstate(frame: &mut TrapFrame) {
    let mut saved = alloc::vec![0; HOSTED.xstate_size()];
    HOSTED.save_xstate(frame, &mut saved);
    HOSTED.reset_xstate(frame);
    check("restore_xstate", HOSTED.restore_xstate(frame, &saved));
    frame.kind = KIND_KICK;
}
