//! The member's start: from the host's `execve` to the kernel's first function.

use abi::auxv::{AT_HWCAP, AT_HWCAP2, AT_NULL, AT_PHDR, AT_PHNUM, AT_SYSINFO_EHDR, AuxEntry};
use abi::mm::PROT_READ;
use abi::nr::{SYS_mseal, SYS_prctl, SYS_sched_getaffinity, SYS_seccomp};
use abi::process::PR_SET_NO_NEW_PRIVS;
use platform::Platform;
use platform::machine::Entry;
use platform_x86::percpu;
use protocol::boot::read_identity;

use crate::context::CONTEXTS;
use crate::filter::{self, Places};
use crate::{HOSTED, cloning, cpu, gate, host, hosted, panic, regions, signals, vdso, xstate};

/// What a kernel consists of, as this platform sees it.
#[derive(Clone, Copy)]
pub struct Kernel {
    pub entry: Entry,
    /// Runs on the first context; loads the first program.
    pub start: fn(&'static dyn Platform) -> !,
}

#[cfg(freestanding)]
mod process {
    unsafe extern "Rust" {
        /// Defined by the binary: the kernel to run.
        safe fn offshoot_kernel() -> super::Kernel;
    }

    #[unsafe(naked)]
    #[unsafe(no_mangle)]
    extern "C" fn _start() -> ! {
        core::arch::naked_asm!("xor ebp, ebp", "mov rdi, rsp", "and rsp, -16", "call {}", "ud2", sym begin)
    }

    extern "C" fn begin(stack: *const u64) -> ! {
        // SAFETY: this is the stack that the host made for the process.
        unsafe { super::begin(stack, offshoot_kernel()) }
    }
}

/// Sets the process up and runs the kernel.
///
/// # Safety
/// `stack` is the process's initial stack as execve(2) leaves it, and this is the process's first thread, at its start.
pub unsafe fn begin(stack: *const u64, kernel: Kernel) -> ! {
    set_up(&Aux::read(stack), kernel)
}

/// What is needed of the auxiliary vector.
#[derive(Default)]
struct Aux {
    hwcap: u64,
    hwcap2: u64,
    vdso: u64,
    phdr: u64,
    phnum: u64,
}

impl Aux {
    fn read(stack: *const u64) -> Self {
        let mut aux = Self::default();
        // SAFETY: the layout that execve(2) leaves: argc, argv, NULL, envp, NULL, pairs up to AT_NULL.
        unsafe {
            let mut at = stack.add(1 + stack.read() as usize + 1);
            while at.read() != 0 {
                at = at.add(1);
            }
            let mut pair = at.add(1).cast::<AuxEntry>();
            while (*pair).a_type != AT_NULL {
                let AuxEntry { a_type, a_val } = pair.read();
                match a_type {
                    AT_HWCAP => aux.hwcap = a_val,
                    AT_HWCAP2 => aux.hwcap2 = a_val,
                    AT_SYSINFO_EHDR => aux.vdso = a_val,
                    AT_PHDR => aux.phdr = a_val,
                    AT_PHNUM => aux.phnum = a_val,
                    _ => {}
                }
                pair = pair.add(1);
            }
        }
        aux
    }
}

fn set_up(aux: &Aux, kernel: Kernel) -> ! {
    let cpu = percpu::this();
    cpu::init(aux.hwcap2);
    cpu::set_gs_base(core::ptr::from_ref(cpu) as usize);
    let (cs, ss) = cpu::segments();
    cpu.cs.set(cs);
    cpu.ss.set(ss);
    cpu.trap.set(kernel.entry.trap);
    hosted::set_hwcap(aux.hwcap, aux.hwcap2);
    vdso::init(aux.vdso as usize);
    xstate::init();
    regions::init();
    let Some(identity) = read_identity(&regions::control_view()) else {
        panic::die(format_args!("the monitor speaks another version of the protocol"));
    };
    crate::events::set_slot(identity.slot);
    crate::events::set_cpus(cpu_count());
    cloning::bind_to_monitor();
    signals::install();
    seal(aux);
    enter_sandbox();
    START.call_once(|| kernel.start);
    match CONTEXTS.create(run, 0) {
        Ok(first) => CONTEXTS.enter_first(first),
        Err(e) => panic::die(format_args!("no memory for the first stack: {e:?}")),
    }
}

static START: spin::Once<fn(&'static dyn Platform) -> !> = spin::Once::new();

fn run(_: usize) -> ! {
    match START.get() {
        Some(start) => start(&HOSTED),
        None => unreachable!("set before the first context"),
    }
}

/// CPUs that this process may run on.
fn cpu_count() -> u32 {
    let mut set = [0u64; 128];
    let args = [0, size_of_val(&set), set.as_mut_ptr() as usize];
    // SAFETY: the host writes to the set only.
    match unsafe { host::call(SYS_sched_getaffinity, args) } {
        Ok(_) => set.iter().map(|word| word.count_ones()).sum(),
        Err(_) => 1,
    }
}

/// Makes what is constant once the program is loaded (its relro part) read-only, and the kernel's text and constants
/// immutable where the host can (Linux 6.10).
fn seal(aux: &Aux) {
    const PT_LOAD: u32 = 1;
    const PT_GNU_RELRO: u32 = 0x6474_e552;
    const PF_W: u32 = 2;
    const PAGE: u64 = abi::mm::PAGE_SIZE as u64;
    for i in 0..aux.phnum {
        let header = (aux.phdr + i * 56) as *const u32;
        // SAFETY: our own program headers, as the host loaded them: p_type, p_flags, p_vaddr (16), p_memsz (40).
        let (kind, flags, addr, size) = unsafe {
            let q = |off: usize| header.byte_add(off).cast::<u64>().read();
            (header.read(), header.add(1).read(), q(16), q(40))
        };
        let (start, mut end) = (addr & !(PAGE - 1), (addr + size).next_multiple_of(PAGE));
        if kind == PT_GNU_RELRO {
            // What shares a page with other data stays writable.
            end = (addr + size) & !(PAGE - 1);
            // SAFETY: nothing there is written to after loading.
            let _ = unsafe { host::protect(start as usize, (end - start) as usize, PROT_READ) };
        }
        if kind == PT_GNU_RELRO || kind == PT_LOAD && flags & PF_W == 0 {
            // SAFETY: only forbids changes that are never made. ENOSYS on older hosts.
            let _ = unsafe { host::call(SYS_mseal, [start as usize, (end - start) as usize, 0]) };
        }
    }
}

/// Installs the filter: from here on, only the gate reaches the host.
fn enter_sandbox() {
    const SET_MODE_FILTER: usize = 1;
    /// Do not slow the process down against speculative store bypass: the boundary is the process, not the filter.
    const SPEC_ALLOW: usize = 4;
    #[repr(C)]
    struct Program {
        len: u16,
        insns: *const filter::Insn,
    }
    let places = Places {
        gate: gate::gate_ip(),
        restorer: gate::restorer_ip(),
        vdso: vdso::range().map(|(lo, hi)| (lo as u64, hi as u64)),
    };
    let insns = filter::program(&places);
    let program = Program { len: insns.len() as u16, insns: insns.as_ptr() };
    // SAFETY: touches no memory.
    let privs = unsafe { host::call(SYS_prctl, [PR_SET_NO_NEW_PRIVS as usize, 1, 0, 0, 0]) };
    // SAFETY: the host reads the program only.
    let install =
        |flags| unsafe { host::call(SYS_seccomp, [SET_MODE_FILTER, flags, &raw const program as usize]) };
    if let Err(e) = privs.and_then(|_| install(SPEC_ALLOW).or_else(|_| install(0))) {
        panic::die(format_args!("the host has no seccomp filters ({e:?}); offshoot needs them"));
    }
}
