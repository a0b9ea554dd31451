//! Exceptions and upcalls: page faults of the app and of our own accesses to its memory, all other faults, events.

use core::cell::UnsafeCell;

use abi::mm::PAGE_SIZE;
use abi::regs::{
    FAULT_FETCH, FAULT_WRITE, KIND_FAULT, KIND_KICK, TRAP_PAGE_FAULT, TRAP_PROTECTION, TrapFrame, fault_hint,
};
use abi::signal::{SI_KERNEL, SIGBUS, SIGKILL, SIGSEGV};
use platform_x86::percpu;
use platform_x86::usercopy;
use x86_64::VirtAddr;
use x86_64::instructions::tables::lidt;
use x86_64::structures::DescriptorTablePointer;

use crate::entry::{STUB, offshoot_stubs};
use crate::layout::{APP, VIEWS};
use crate::segments::{IST_FAULT, IST_LAST, IST_OTHER};
use crate::space::{self, Access, Bad};
use crate::{events, hypercall, panic};

/// The vector of events.
pub const UPCALL: u8 = 0x40;
const VECTORS: usize = UPCALL as usize + 1;
const NMI: u64 = 2;
const KERNEL_CS: u64 = 0x10;
const SEGV_MAPERR: i32 = 1;
const SEGV_ACCERR: i32 = 2;
const BUS_ADRERR: i32 = 2;

struct Gates(UnsafeCell<[[u64; 2]; VECTORS]>);
// SAFETY: written once, before anything can fault.
unsafe impl Sync for Gates {}
static IDT: Gates = Gates(UnsafeCell::new([[0; 2]; VECTORS]));

/// Fills and loads the table; once.
pub fn init() {
    // SAFETY: once, on the only CPU.
    let idt = unsafe { &mut *IDT.0.get() };
    let stubs = &raw const offshoot_stubs as u64;
    for (i, vector) in (0..32).chain([UPCALL]).enumerate() {
        let (ist, dpl) = match vector {
            2 | 8 | 18 => (IST_LAST, 0),
            14 => (IST_FAULT, 0),
            // A virtual machine's interrupt may be delivered a second time before the first instruction of its handler (an
            // exit right then, which the hypervisor takes for one during the delivery). On a fixed stack the second
            // would overwrite what the first has saved; so it goes below.
            UPCALL => (0, 0),
            // `int3` and `into` are the app's to use.
            3 | 4 => (IST_OTHER, 3),
            _ => (IST_OTHER, 0),
        };
        let at = stubs + (i * STUB) as u64;
        idt[usize::from(vector)] = gate(at, u64::from(ist), dpl);
    }
    let pointer =
        DescriptorTablePointer { limit: size_of_val(idt) as u16 - 1, base: VirtAddr::from_ptr(idt.as_ptr()) };
    // SAFETY: the table is static, and its gates lead to the stubs.
    unsafe { lidt(&pointer) };
}

/// A 64-bit interrupt gate, present, to an address.
pub const fn gate(at: u64, ist: u64, dpl: u64) -> [u64; 2] {
    let flags = ist | (0x8e | dpl << 5) << 8;
    [at & 0xffff | KERNEL_CS << 16 | flags << 32 | (at >> 16 & 0xffff) << 48, at >> 32]
}

/// The gate of upcalls.
pub fn upcall_gate() -> *mut [u64; 2] {
    // SAFETY: in the table.
    unsafe { IDT.0.get().cast::<[u64; 2]>().add(usize::from(UPCALL)) }
}

/// Looks at an exception or upcall. 0: go on where it came from; 1: enter the kernel with the frame.
pub extern "C" fn trapped(frame: &mut TrapFrame, cs: u64) -> u64 {
    if cs & 3 == 0 { in_kernel(frame) } else { in_app(frame) }
}

fn in_kernel(frame: &mut TrapFrame) -> u64 {
    if frame.trapno == u64::from(UPCALL) {
        events::acknowledge();
        let (start, end) = hypercall::idle_range();
        if start <= frame.rip && frame.rip < end {
            frame.rip = end;
        }
        return 0;
    }
    if frame.trapno == NMI {
        return 0;
    }
    let addr = frame.fault_addr as usize;
    let ours = APP.0 <= addr && addr < APP.1 || VIEWS.0 <= addr && addr < VIEWS.1;
    if frame.trapno == TRAP_PAGE_FAULT && ours {
        if space::fault(addr, access(frame.fault_code)).is_ok() {
            return 0;
        }
        if let Some(fixup) = usercopy::fixup(frame.rip) {
            frame.rip = fixup;
            return 0;
        }
    }
    panic::fault(frame)
}

fn access(code: u64) -> Access {
    if code & FAULT_WRITE != 0 {
        Access::Write
    } else if code & FAULT_FETCH != 0 {
        Access::Fetch
    } else {
        Access::Read
    }
}

fn in_app(frame: &mut TrapFrame) -> u64 {
    if frame.trapno == u64::from(UPCALL) {
        events::acknowledge();
        percpu::this().kick_seen();
        frame.kind = KIND_KICK;
        return 1;
    }
    if frame.trapno == NMI {
        return 0;
    }
    if frame.trapno != TRAP_PAGE_FAULT {
        frame.fault_addr = 0;
        return 1;
    }
    let addr = frame.fault_addr as usize;
    let bad = if APP.0 <= addr && addr < APP.1 {
        space::fault(addr, access(frame.fault_code)).err()
    } else {
        Some(Bad::Unmapped)
    };
    let Some(bad) = bad else {
        if !percpu::this().is_kicked() {
            return 0;
        }
        percpu::this().kick_seen();
        frame.kind = KIND_KICK;
        return 1;
    };
    frame.hint = match bad {
        Bad::Unmapped => fault_hint(SIGSEGV, SEGV_MAPERR),
        Bad::Rights => fault_hint(SIGSEGV, SEGV_ACCERR),
        Bad::Gone => fault_hint(SIGBUS, BUS_ADRERR),
        Bad::NoMemory => fault_hint(SIGKILL, SI_KERNEL),
    };
    1
}

/// The app is to go on at an address that the CPU does not take: its fault, there.
pub extern "C" fn nowhere(frame: &mut TrapFrame) {
    frame.kind = KIND_FAULT;
    frame.orig_rax = u64::MAX;
    frame.trapno = TRAP_PROTECTION;
    frame.fault_code = 0;
    frame.fault_addr = 0;
    frame.hint = fault_hint(SIGSEGV, SI_KERNEL);
}

/// The page of an address.
pub const fn page(addr: usize) -> usize {
    addr & !(PAGE_SIZE - 1)
}
