//! Cloning the member (docs/xen.md, "Clone, step by step"): the parent's side, and both halves of the child's.

use core::arch::naked_asm;

use abi::errno::Errno;
use abi::mm::PAGE_SIZE;
use platform::{CloneError, ClonePlan, Cloned};
use platform_x86::percpu;
use protocol::boot::{Identity, read_identity};
use protocol::xen::{
    ASK_CLONE, ASK_EXIT, ASK_PULLED, Exchange, FrameRange, PageGrant, REQUEST_DATA_LEN, StartPages,
};

use crate::boot::Pages;
use crate::interface::GrantCopy;
use crate::layout::frame_of;

use crate::context::CONTEXTS;
use crate::{clock, context, cpu, door, events, hypercall, kmem, panic, random, regions, space};

/// What `resume` answers in the child.
const CHILD: i64 = i64::MIN;
/// Copies of one hypercall.
const COPIES: usize = 256;

unsafe extern "C" {
    static offshoot_data_start: u8;
    static offshoot_data_end: u8;
    static offshoot_bss_start: u8;
    static offshoot_bss_end: u8;
}

/// The image's writable parts, but for what is a domain's own.
fn image() -> [FrameRange; 2] {
    let range = |start: *const u8, end: *const u8| {
        let (start, end) = (frame_of(start as usize), frame_of(end as usize + PAGE_SIZE - 1));
        FrameRange { gfn: start.into(), count: (end - start).into() }
    };
    [
        range(&raw const offshoot_data_start, &raw const offshoot_data_end),
        range(&raw const offshoot_bss_start, &raw const offshoot_bss_end),
    ]
}

/// Calls `f(stack pointer, arg)` and answers what it answers; in a clone that goes on at this stack pointer, [`CHILD`].
#[unsafe(naked)]
unsafe extern "C" fn fork_point(f: extern "C" fn(usize, &Asked) -> i64, arg: &Asked) -> i64 {
    naked_asm!(
        platform_x86::push_preserved!(),
        "mov rax, rdi",
        "mov rdi, rsp",
        "sub rsp, 8",
        "call rax",
        "add rsp, 8",
        platform_x86::pop_preserved_ret!(),
    )
}

/// Goes on in the copy of the parent: its tables, its stack.
#[unsafe(naked)]
unsafe extern "C" fn resume(root: u64, rsp: u64) -> ! {
    naked_asm!(
        "mov cr3, rdi",
        "mov rsp, rsi",
        "movabs rax, {child}",
        platform_x86::pop_preserved_ret!(),
        child = const CHILD,
    )
}

/// What the parent's request names.
struct Asked {
    slot: u32,
    root: u32,
}

extern "C" fn ask(rsp: usize, asked: &Asked) -> i64 {
    let mut count = 0;
    let mut add = |range: FrameRange| {
        let at = count * size_of::<FrameRange>();
        if at + size_of::<FrameRange>() <= REQUEST_DATA_LEN {
            door::put(at, zerocopy::IntoBytes::as_bytes(&range));
        }
        count += 1;
    };
    image().into_iter().for_each(&mut add);
    kmem::ranges(&context::not_worth_copying(rsp), &mut add);
    if count * size_of::<FrameRange>() > REQUEST_DATA_LEN {
        return -i64::from(Errno::EAGAIN.0);
    }
    door::ask(ASK_CLONE, &[asked.slot.into(), asked.root.into(), rsp as u64, count as u64])
}

/// See `CloneMember::clone_member`.
pub fn clone_member(plan: &ClonePlan) -> Result<Cloned, CloneError> {
    space::take_notices();
    CONTEXTS.save_for_clone();
    let asked = Asked { slot: plan.slot, root: space::clone::freeze() };
    // SAFETY: the child's stack is a copy of this one; no lock is held.
    let answer = unsafe { fork_point(ask, &asked) };
    if answer == CHILD {
        return Ok(Cloned::Child(become_child()));
    }
    if answer < 0 {
        let e = Errno(-answer as i32);
        return Err(if e == Errno::ENOMEM { CloneError::NoMemory } else { CloneError::Again });
    }
    space::clone::commit(answer as u64);
    Ok(Cloned::Parent { token: answer as u64 })
}

/// Operations of a shell that takes its parent's memory in.
#[unsafe(link_section = ".bss.shell")]
static OPS: Pages<{ COPIES * size_of::<GrantCopy>() }> = Pages::new();
/// The token, for the child that wakes up with the parent's memory.
#[unsafe(link_section = ".bss.shell")]
static TOKEN: Pages<4096> = Pages::new();

/// A shell becomes the clone that the command names. Uses nothing but this stack and what is a domain's own.
pub fn pull(command: &Exchange) -> ! {
    let [parent, mut gref, count, root, rsp, token] = command.args;
    let pages: StartPages = door::command_data(0, 0);
    let granted = pages.control + pages.family + pages.own_events + pages.monitor_events;
    let list = size_of::<StartPages>() + granted as usize * size_of::<PageGrant>();
    // SAFETY: nobody else uses these.
    let ops = unsafe {
        TOKEN.0.get().cast::<u64>().write(token);
        &mut *OPS.0.get().cast::<[GrantCopy; COPIES]>()
    };
    let end = (0..count as usize).map(|i| {
        let range: FrameRange = door::command_data(list, i);
        range.gfn + range.count
    });
    // What lies between the ranges was not worth copying, but is in use.
    if !kmem::populate_to(end.max().unwrap_or(0) as u32) {
        panic::die(format_args!("no memory for a clone's kernel"));
    }
    let mut n = 0;
    for i in 0..count as usize {
        let range: FrameRange = door::command_data(list, i);
        for gfn in range.gfn..range.gfn + range.count {
            if n == COPIES {
                copy(&mut ops[..n]);
                n = 0;
            }
            ops[n] = hypercall::whole_page(parent as u32, gref as u32, gfn as u32);
            gref += 1;
            n += 1;
        }
    }
    copy(&mut ops[..n]);
    door::ask(ASK_PULLED, &[]);
    // SAFETY: the parent's tables map the kernel as ours do; its stack ends in `fork_point`'s frame.
    unsafe { resume(root << 12, rsp) }
}

fn copy(ops: &mut [GrantCopy]) {
    if ops.is_empty() {
        return;
    }
    // SAFETY: the frames are a member's to be, and this code does not use them.
    unsafe { hypercall::copy_grants(ops) };
    if let Some(op) = ops.iter().find(|op| op.status != 0) {
        panic::die(format_args!("the parent's frame {:#x} cannot be copied: {}", op.dest.page, op.status));
    }
}

/// The child, in the copy of its parent.
fn become_child() -> Identity {
    events::become_child();
    clock::forget_timer();
    percpu::this().kick_seen();
    // SAFETY: written by `pull`.
    let token = unsafe { TOKEN.0.get().cast::<u64>().read() };
    space::clone::become_child(token);
    regions::start(&door::command_data(0, 0));
    CONTEXTS.load_after_clone();
    let Some(identity) = read_identity(&regions::control_view()) else {
        panic::die(format_args!("a clone found no identity in its control region"));
    };
    random::seed(&identity.entropy);
    space::clone::prefetch(&CONTEXTS.places());
    space::clone::drop_tokens();
    cpu::flush_app();
    identity
}

/// See `Machine::exit`. The domain stays as long as others want frames of it; that is for the monitor to see to.
pub fn exit() -> ! {
    space::give_back();
    door::post(ASK_EXIT, &[0]);
    loop {
        hypercall::idle(0);
    }
}
