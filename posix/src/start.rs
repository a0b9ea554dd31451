//! The start of a member: kernel, process and thread from the boot record, then the program.

use abi::errno::Errno;
use abi::process::WaitStatus;
use abi::regs::TrapFrame;
use alloc::sync::Arc;
use core::sync::atomic::Ordering;
use platform::Platform;
use process::attrs::Attrs;
use process::mm::AddressSpace;
use process::proc::Creds;
use process::signal::ProcessSignals;
use process::{Kernel, Process, Thread};
use protocol::Op;
use protocol::boot::{self, Program};
use protocol::caps::Caps;
use vfs::fdtable::FdTable;

/// Makes the kernel, loads the program that the boot record names, and runs it.
pub fn start(platform: &'static dyn Platform) -> ! {
    let k = process::kernel::init(platform, enter);
    let control = k.host.control();
    let (Some(identity), Some(program)) = (boot::read_identity(&control), Program::read(&control)) else {
        platform.console(b"offshoot-kernel: the boot record is not of this version\n");
        platform.exit()
    };
    let thread = first_thread(k, identity.pid, &program);
    match process::exec::first_program(k, &thread, &program) {
        Ok(frame) => enter(frame),
        Err(e) => fail(k, &program, e),
    }
}

fn first_thread(k: &'static Kernel, pid: u32, program: &Program) -> Arc<Thread> {
    let mm = Arc::new(AddressSpace::new(0));
    mm.limit.store(program.memory, Ordering::Relaxed);
    let p = Process::new(pid, mm, Arc::new(FdTable::default()), Arc::new(ProcessSignals::default()));
    *p.creds.lock() = Creds { ids: program.ids, groups: program.groups.clone() };
    *p.attrs.lock() = Attrs::decode(&program.extra)
        .unwrap_or(Attrs { caps: Caps::of_ids(&program.ids), ..Attrs::default() });
    for (limit, given) in p.rlimits.lock().iter_mut().zip(&program.rlimits) {
        *limit = *given;
    }
    p.umask.store(program.umask, Ordering::Relaxed);
    p.personality.store(program.personality, Ordering::Relaxed);
    let thread = Thread::new(pid, p.clone(), Some(k.platform.current_context()));
    p.threads.lock().push(thread.clone());
    process::timer::cpu_limit_changed(&p);
    k.processes.lock().push(p.clone());
    process::signal::boot(&p, &thread, program.sigmask, program.ignored);
    k.sched.adopt(thread.clone());
    p.fds.fill(&k.host, &program.fds);
    thread
}

/// To user mode with a fresh frame, after the work that every way there does.
fn enter(mut frame: TrapFrame) -> ! {
    crate::trap::before_user(&mut frame);
    process::kernel().platform.enter_user(&frame)
}

/// The program could not be started: the reason goes to the monitor, which tells the user; the status is a shell's.
fn fail(k: &Kernel, program: &Program, e: Errno) -> ! {
    let code = if e == Errno::ENOENT || e == Errno::ENOTDIR { 127 } else { 126 };
    let path = alloc::string::String::from_utf8_lossy(&program.path);
    let text = alloc::format!("{path}: {}", e.message());
    // If the monitor cannot be told, the status still says it.
    let _ = k.host.post(Op::Crash, &[1], text.as_bytes());
    process::exit::exit_group(WaitStatus::Exited(code))
}
