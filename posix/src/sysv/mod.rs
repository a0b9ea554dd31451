//! System V shared memory, semaphores and message queues: sysvipc(7). The monitor keeps the objects; waiting, and the
//! places of attached memory, are this side's.

pub mod msg;
pub mod sem;
pub mod shm;

use abi::errno::{Errno, SysResult};
use abi::ipc::IPC_64;
use process::wait_on::block_until;
use protocol::{EV_RETRY, Op};
use vfs::host::Answer;

use crate::arg::Addr;
use crate::cx::Cx;

/// The answer's value that says that the call must wait.
const WAITS: usize = 7;

/// A command of the *ctl calls, without the flag that x86-64 ignores.
fn command(cmd: i32) -> i32 {
    cmd & !IPC_64
}

/// What an attempt came to: something to give to the program, or a reason to wait.
enum Attempt<T> {
    Done(SysResult<T>),
    Wait,
}

/// Repeats `attempt` until it need not wait. EAGAIN when `deadline` (monotonic ns) passes, and `interrupted` for a signal;
/// either way the monitor is told by `give_up` that nobody waits there any more.
fn wait<T>(
    cx: &Cx<'_>,
    deadline: Option<u64>,
    interrupted: Errno,
    give_up: (Op, u64),
    mut attempt: impl FnMut() -> Attempt<T>,
) -> SysResult<T> {
    if let Attempt::Done(done) = attempt() {
        return done;
    }
    let outcome = block_until(&[EV_RETRY], deadline, || match attempt() {
        Attempt::Done(done) => Ok(done),
        Attempt::Wait => Err(Errno::EAGAIN),
    });
    match outcome {
        Ok(done) => done,
        Err(e) => {
            let (op, request) = give_up;
            cx.host().call(op, &[request])?;
            Err(if e == Errno::ERESTARTSYS { interrupted } else { e })
        }
    }
}

/// Whether an answer to a request that may wait says so.
fn outcome<'h, T>(
    answer: SysResult<Answer<'h>>,
    take: impl FnOnce(&Answer<'h>) -> SysResult<T>,
) -> Attempt<T> {
    match answer {
        Ok(answer) if answer.value(WAITS) == 1 => Attempt::Wait,
        Ok(answer) => Attempt::Done(take(&answer)),
        Err(e) => Attempt::Done(Err(e)),
    }
}

/// Sends one of the *ctl requests with `size` bytes of the program's, and gives what comes back to the program.
fn control(cx: &Cx<'_>, op: Op, args: &[u64], data: Addr, size: usize) -> SysResult<usize> {
    let mut out = cx.host().begin(op);
    out.put_user(data.0, size)?;
    let answer = out.send(args)?;
    answer.copy_out(0, data.0, answer.len())?;
    Ok(answer.ret() as usize)
}
