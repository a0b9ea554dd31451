//! Cloning the member (docs/xen.md, "Clone, step by step"): the parent's side, and both halves of the child's.

use alloc::vec::Vec;
use core::arch::naked_asm;
use core::sync::atomic::{AtomicU64, Ordering};

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
use crate::layout::{KERNEL_END, SNAPSHOT, frame_of};
use crate::snapshot::{self, Snapshot};

use crate::context::CONTEXTS;
use crate::{clock, context, cpu, door, events, hot, hypercall, kmem, panic, random, regions, rest, space};

/// What `resume` answers in the child.
const CHILD: i64 = i64::MIN;
/// Room for the frames of one thread's stack, and some more.
const STACK_FRAMES: usize = 64;
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
unsafe extern "C" fn fork_point(f: extern "C" fn(usize, &mut Asked) -> i64, arg: &mut Asked) -> i64 {
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

/// What the parent's request names, and the lists that become it. They are made before the child's stack is copied, so that
/// the child has them to throw away as well.
struct Asked {
    slot: u32,
    root: u32,
    /// Pages of the app that go along.
    hot: Vec<FrameRange>,
    /// Frames of stacks that do not.
    without: Vec<u32>,
    copy: Snapshot,
}

extern "C" fn ask(rsp: usize, asked: &mut Asked) -> i64 {
    let Asked { slot, root, hot, without, copy } = asked;
    context::not_worth_copying(rsp, without);
    let mut count = 0;
    let mut put = |range: FrameRange| {
        let at = count * size_of::<FrameRange>();
        if at + size_of::<FrameRange>() <= REQUEST_DATA_LEN {
            door::put(at, zerocopy::IntoBytes::as_bytes(&range));
        }
        count += 1;
    };
    hot.iter().copied().for_each(&mut put);
    let mut room = true;
    let mut each = |range: FrameRange| {
        for gfn in range.gfn..range.gfn + range.count {
            room = room && copy.add(gfn as u32, &mut put);
        }
    };
    image().into_iter().for_each(&mut each);
    kmem::ranges(without, &mut each);
    copy.end(&mut put);
    if !room {
        return -i64::from(Errno::ENOMEM.0);
    }
    if count * size_of::<FrameRange>() > REQUEST_DATA_LEN {
        return -i64::from(Errno::EAGAIN.0);
    }
    let args = [(*slot).into(), (*root).into(), rsp as u64, count as u64, SNAPSHOT.0.into(), copy.frames()];
    door::ask(ASK_CLONE, &args)
}

/// See `CloneMember::clone_member`.
pub fn clone_member(plan: &ClonePlan) -> Result<Cloned, CloneError> {
    space::take_notices();
    CONTEXTS.save_for_clone();
    let copy = snapshot::begin();
    let mut hot = Vec::with_capacity(hot::MOST);
    let root = space::clone::freeze(&CONTEXTS.places(), &mut hot);
    let mut asked = Asked { slot: plan.slot, root, hot, without: Vec::with_capacity(STACK_FRAMES), copy };
    // SAFETY: the child's stack is a copy of this one; no lock is held.
    let answer = unsafe { fork_point(ask, &mut asked) };
    if answer == CHILD {
        return Ok(Cloned::Child(become_child()));
    }
    if answer < 0 {
        let e = Errno(-answer as i32);
        return Err(if e == Errno::ENOMEM { CloneError::NoMemory } else { CloneError::Again });
    }
    snapshot::is_used(answer as u64);
    space::clone::commit(answer as u64);
    Ok(Cloned::Parent { token: answer as u64 })
}

/// Operations of a shell that takes its parent's memory in.
#[unsafe(link_section = ".bss.scratch")]
static OPS: Pages<{ COPIES * size_of::<GrantCopy>() }> = Pages::new();
/// The token, for the child that wakes up with the parent's memory.
#[unsafe(link_section = ".bss.shell")]
static TOKEN: AtomicU64 = AtomicU64::new(0);

/// A shell becomes the clone that the command names. Uses nothing but this stack and what is a domain's own.
pub fn pull(command: &Exchange) -> ! {
    let [parent, mut gref, count, root, rsp, token] = command.args;
    let pages: StartPages = door::command_data(0, 0);
    let list = size_of::<StartPages>() + pages.own_events as usize * size_of::<PageGrant>();
    let ranges = || (0..count as usize).map(|i| door::command_data::<FrameRange>(list, i));
    // SAFETY: nobody else uses them.
    let ops = unsafe { &mut *OPS.0.get().cast::<[GrantCopy; COPIES]>() };
    TOKEN.store(token, Ordering::Relaxed);
    // What lies between the ranges was not worth copying, but is in use. Behind it is room for the parent's copy.
    let kernel = || ranges().filter(|range| !range.is_app());
    let place = kernel().map(|range| range.gfn + range.len()).max().unwrap_or(0) as u32;
    let mut gfns = [0; hot::MOST];
    let mut n = 0;
    for (gfn, range) in gfns.iter_mut().zip(ranges().filter(FrameRange::is_app)) {
        *gfn = range.gfn;
        n += 1;
    }
    let room = place + pages.copied <= KERNEL_END && kmem::populate_to(place + pages.copied);
    if !room || hypercall::populate(&gfns[..n]) < n {
        panic::die(format_args!("no memory for a clone's kernel"));
    }
    let copied = (place..place + pages.copied).map(u64::from);
    let frames = gfns[..n].iter().copied().chain(copied);
    n = 0;
    for gfn in frames {
        if n == COPIES {
            copy(&mut ops[..n]);
            n = 0;
        }
        ops[n] = hypercall::whole_page(parent as u32, gref as u32, gfn as u32);
        gref += 1;
        n += 1;
    }
    copy(&mut ops[..n]);
    // SAFETY: frames of the kernel to be, which this code does not use; the copy lies behind them.
    if !unsafe { snapshot::unpack(place, pages.copied, kernel()) } {
        panic::die(format_args!("the parent's copy of its kernel ends too early"));
    }
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
    rest::become_child();
    space::clone::become_child(TOKEN.load(Ordering::Relaxed));
    regions::start(&door::command_data(0, 0));
    CONTEXTS.load_after_clone();
    let Some(identity) = read_identity(&regions::control_view()) else {
        panic::die(format_args!("a clone found no identity in its control region"));
    };
    random::seed(&identity.entropy);
    space::clone::drop_tokens();
    cpu::flush_app();
    identity
}

/// See `Machine::exit`. The domain stays as long as others want frames of it; that is for the monitor to see to.
pub fn exit() -> ! {
    space::give_back();
    door::post(ASK_EXIT, &[0]);
    loop {
        hypercall::idle(None);
    }
}
