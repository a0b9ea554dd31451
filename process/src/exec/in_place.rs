//! exec in the running member: the old program's memory goes, the new one's comes.

use abi::auxv::*;
use abi::errno::{Errno, SysResult};
use abi::mm::PAGE_SIZE;
use abi::process::{ADDR_NO_RANDOMIZE, RLIMIT_STACK};
use abi::regs::{KIND_KICK, MXCSR_DEFAULT, RFLAGS_DEFAULT, TrapFrame};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::Ordering;
use platform::{Platform, Prot};
use protocol::Op;
use protocol::wire::Writer;

use super::load::{self, Loaded};
use super::plan::Plan;
use super::program::{self, ProgramFile};
use super::stack::{Initial, Strings};
use crate::kernel::{Kernel, kernel};
use crate::mm::{Content, Place, Source, page_up};
use crate::proc::Image;
use crate::{Process, Thread};

/// Stack of a program whose limit says nothing smaller.
const DEFAULT_STACK: u64 = 8 * 1024 * 1024;
/// Where Linux puts position-independent programs.
const PIE_BASE: usize = 0x5555_5555_4000;

/// Random places of one program.
struct Layout {
    stack_top: usize,
    stack_len: usize,
    mmap_top: usize,
    pie_base: usize,
    brk_offset: usize,
}

impl Layout {
    fn choose(pf: &dyn Platform, stack_limit: u64, randomize: bool) -> SysResult<Self> {
        let mut seed = [0u8; 32];
        if randomize {
            pf.entropy(&mut seed);
        }
        let pages = |i: usize, bits: u32| {
            let word = u64::from_le_bytes(seed[i * 8..i * 8 + 8].try_into().unwrap_or_default());
            (word & ((1 << bits) - 1)) as usize * PAGE_SIZE
        };
        let (_, high) = pf.app_ranges().last().copied().ok_or(Errno::ENOMEM)?;
        let stack_top = high - PAGE_SIZE - pages(0, 22);
        let want = stack_limit.clamp(128 * 1024, 1 << 30);
        let stack_len = if stack_limit == u64::MAX { DEFAULT_STACK } else { want };
        let stack_len = page_up(stack_len as usize).ok_or(Errno::ENOMEM)?;
        let guard = 256 * PAGE_SIZE;
        Ok(Self {
            stack_top,
            stack_len,
            mmap_top: stack_top - stack_len - guard - pages(1, 28),
            pie_base: PIE_BASE + pages(2, 28),
            brk_offset: pages(3, 13),
        })
    }
}

/// Replaces the calling process's program. On success the frame is the new program's start; an error comes back only while
/// the old program is whole. The caller has ended the other threads and closed the close-on-exec descriptors after `plan`
/// was made.
fn replace(k: &Kernel, p: &Process, plan: &Plan, personality: u32, frame: &mut TrapFrame) -> SysResult<()> {
    let pf = k.platform;
    let stack_limit = p.rlimits.lock()[RLIMIT_STACK as usize].0;
    let layout = Layout::choose(pf, stack_limit, personality & ADDR_NO_RANDOMIZE == 0)?;
    p.mm.clear(pf, layout.mmap_top);
    let main = load::map_image(pf, &p.mm, &plan.elf, &plan.pages, layout.pie_base)?;
    let interp = match &plan.interp {
        Some((pages, elf)) => Some(load::map_image(pf, &p.mm, elf, pages, 0)?),
        None => None,
    };
    p.mm.set_brk_start(page_up(main.end).ok_or(Errno::ENOMEM)? + layout.brk_offset);

    let mut prot = Prot::READ | Prot::WRITE;
    if plan.elf.exec_stack {
        prot |= Prot::EXEC;
    }
    let stack_at = layout.stack_top - layout.stack_len;
    let source = Source::Anon("[stack]");
    p.mm.map(pf, Place::Fixed(stack_at), layout.stack_len, Content::private(source, prot))?;
    let mut random = [0u8; 16];
    pf.entropy(&mut random);
    let initial = Initial { argv: &plan.argv, envp: &plan.envp, path: &plan.path, random };
    let placed = initial.build(layout.stack_top, |strings| auxv(k, p, plan, &main, interp.as_ref(), strings));
    if placed.bytes.len() + 16 * PAGE_SIZE > layout.stack_len {
        return Err(Errno::E2BIG);
    }
    pf.copy_out(placed.base, &placed.bytes).map_err(|_| Errno::EFAULT)?;
    *frame = TrapFrame {
        kind: KIND_KICK,
        orig_rax: u64::MAX,
        rip: interp.map_or(main.entry, |i| i.entry) as u64,
        rsp: placed.base as u64,
        rflags: RFLAGS_DEFAULT,
        mxcsr: MXCSR_DEFAULT,
        ..TrapFrame::default()
    };
    pf.reset_xstate(frame);
    pf.set_tls(0);
    Ok(())
}

fn auxv(
    k: &Kernel,
    p: &Process,
    plan: &Plan,
    main: &Loaded,
    interp: Option<&Loaded>,
    strings: &Strings,
) -> Vec<AuxEntry> {
    let ids = p.creds.lock().ids;
    let (hwcap, hwcap2) = k.platform.hwcap();
    let secure = ids[0] != ids[1] || ids[4] != ids[5];
    let mut v: Vec<(u64, u64)> = Vec::new();
    if let Some(vdso) = k.platform.vdso() {
        v.push((AT_SYSINFO_EHDR, vdso as u64));
    }
    v.extend([
        (AT_HWCAP, hwcap),
        (AT_PAGESZ, PAGE_SIZE as u64),
        (AT_CLKTCK, 100),
        (AT_PHDR, main.phdr as u64),
        (AT_PHENT, 56),
        (AT_PHNUM, plan.elf.phnum as u64),
        (AT_BASE, interp.map_or(0, |i| i.bias as u64)),
        (AT_FLAGS, 0),
        (AT_ENTRY, main.entry as u64),
        (AT_UID, ids[0].into()),
        (AT_EUID, ids[1].into()),
        (AT_GID, ids[4].into()),
        (AT_EGID, ids[5].into()),
        (AT_SECURE, secure.into()),
        (AT_RANDOM, strings.random as u64),
        (AT_HWCAP2, hwcap2),
        (AT_EXECFN, strings.name as u64),
        (AT_PLATFORM, strings.machine as u64),
        (AT_MINSIGSTKSZ, 1024 + k.platform.xstate_size() as u64),
    ]);
    v.into_iter().map(|(a_type, a_val)| AuxEntry { a_type, a_val }).collect()
}

/// execve(2) for a process that owns its member.
pub fn exec(thread: &Arc<Thread>, plan: Plan, frame: &mut TrapFrame) -> SysResult<()> {
    let k = kernel();
    let p = &thread.process;
    crate::exit::end_other_threads(thread);
    crate::futex::thread_exit(thread);
    thread.set_tid(p.pid());
    k.sched.ids_changed();
    crate::threads::publish(p);
    p.fds.close_on_exec(&k.host);
    crate::signal::reset_for_exec(p, thread);
    crate::timer::reset_for_exec(p);
    let ids = p.creds.lock().ids;
    p.attrs.lock().execed(&ids);
    thread.set_name(&[]);
    let personality = p.personality.load(Ordering::Relaxed);
    if let Err(e) = replace(k, p, &plan, personality, frame) {
        // The old program is gone: as Linux, the process dies.
        k.platform.console(alloc::format!("exec failed past the point of no return: {e}\n").as_bytes());
        crate::exit::die_by_signal(abi::signal::SIGKILL as u32);
    }
    publish(k, p, plan);
    Ok(())
}

/// Tells the monitor what runs now.
fn publish(k: &Kernel, p: &Process, plan: Plan) {
    let base = plan.path.rsplit(|b| *b == b'/').next().unwrap_or_default();
    let comm = base[..base.len().min(15)].to_vec();
    // The file's own name: a program may have been asked for by a symbolic link.
    let exe = plan.pages.path.to_vec();
    let encode = |argv: &[Vec<u8>], envp: &[Vec<u8>]| {
        let mut w = Writer::new();
        w.bytes(&exe).bytes(&comm).list(argv).list(envp);
        w.finish()
    };
    let mut data = encode(&plan.argv, &plan.envp);
    if data.len() > protocol::control::SLOT_DATA {
        data = encode(&plan.argv[..1], &[]);
    }
    // What does not fit is only missing from /proc.
    let _ = k.host.post(Op::ProcInfo, &[1], &data);
    let old = p.program.lock().replace(plan.file);
    drop(old);
    *p.image.lock() = Image { exe, comm, argv: plan.argv, envp: plan.envp };
}

/// Loads the first program of a fresh member. The error is for one line to the user.
pub fn first_program(
    k: &'static Kernel,
    thread: &Arc<Thread>,
    program: &protocol::boot::Program,
) -> SysResult<TrapFrame> {
    let p = &thread.process;
    let stack_limit = p.rlimits.lock()[RLIMIT_STACK as usize].0;
    let file = match program.desc {
        0 => program::open(&k.host, &program.path)?,
        desc => ProgramFile::given(&k.host, desc, &program.path)?,
    };
    let plan = Plan::make(
        &k.host,
        file,
        &program.path,
        program.argv.clone(),
        program.envp.clone(),
        stack_limit,
        false,
    )?;
    let mut frame = TrapFrame::default();
    replace(k, p, &plan, program.personality, &mut frame)?;
    publish(k, p, plan);
    Ok(frame)
}
