//! A domain's life before it is a member: it sets itself up, says so, and waits at its door for what to become.
//!
//! Everything here runs on the shell's own stack and tables, and keeps nothing in memory that a clone gets from its parent
//! but what is the same in every domain.

use platform::Platform;
use platform::machine::Entry;
use platform_x86::percpu;
use protocol::PROTOCOL_VERSION;
use protocol::boot::read_identity;
use protocol::xen::{ASK_READY, DO_CLONE, DO_QUIT, DO_START, MAGIC};
use xen_sys::SHUTDOWN_poweroff;

use crate::context::CONTEXTS;
use crate::{XEN, cloning, cpu, door, hypercall, kmem, panic, random, regions, seal, segments, space, traps};

/// What a kernel consists of, as this platform sees it.
#[derive(Clone, Copy)]
pub struct Kernel {
    pub entry: Entry,
    /// Runs on the first context; loads the first program.
    pub start: fn(&'static dyn Platform) -> !,
}

#[cfg(freestanding)]
mod domain {
    unsafe extern "Rust" {
        /// Defined by the binary: the kernel to run.
        safe fn offshoot_kernel() -> super::Kernel;
    }

    /// Where the boot code goes.
    #[unsafe(no_mangle)]
    extern "C" fn offshoot_shell() -> ! {
        super::shell(offshoot_kernel())
    }
}

static START: spin::Once<fn(&'static dyn Platform) -> !> = spin::Once::new();

/// Sets the domain up, waits, and becomes what it is told to.
pub fn shell(kernel: Kernel) -> ! {
    hypercall::init();
    segments::init();
    traps::init();
    cpu::init();
    seal::image();
    let cpu = percpu::this();
    cpu::set_gs_base(core::ptr::from_ref(cpu) as usize);
    let header = door::header();
    if header.magic != MAGIC || header.version != PROTOCOL_VERSION {
        panic::say(format_args!("offshoot: this kernel is started by offshoot, of the same version"));
        hypercall::shutdown(SHUTDOWN_poweroff);
    }
    if !hypercall::map_shared_info()
        || !hypercall::set_callback_vector(traps::UPCALL)
        || !hypercall::bind_timer()
    {
        panic::die(format_args!("Xen refuses shared_info, the callback vector or the timer"));
    }
    kmem::warm_up();
    if door::ask(ASK_READY, &[]) < 0 || !regions::warm_up() {
        panic::die(format_args!("the pages that every member needs cannot be mapped"));
    }
    let command = door::command();
    match command.op {
        DO_START => start(kernel),
        DO_CLONE => cloning::pull(&command),
        DO_QUIT => hypercall::shutdown(SHUTDOWN_poweroff),
        op => panic::die(format_args!("unknown command {op}")),
    }
}

/// Becomes a fresh member.
fn start(kernel: Kernel) -> ! {
    percpu::this().trap.set(kernel.entry.trap);
    platform_x86::xstate::init();
    if !kmem::settle() || !space::init() {
        panic::die(format_args!("no memory for page tables"));
    }
    regions::init();
    regions::start(&door::command_data(0, 0));
    let Some(identity) = read_identity(&regions::control_view()) else {
        panic::die(format_args!("the monitor speaks another version of the protocol"));
    };
    random::seed(&identity.entropy);
    START.call_once(|| kernel.start);
    match CONTEXTS.create(run, 0) {
        Ok(first) => CONTEXTS.enter_first(first),
        Err(e) => panic::die(format_args!("no memory for the first stack: {e:?}")),
    }
}

fn run(_: usize) -> ! {
    match START.get() {
        Some(start) => start(&XEN),
        None => unreachable!("set before the first context"),
    }
}
