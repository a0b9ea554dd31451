//! Messages from the monitor become signals, continues and futex wake-ups.

use abi::signal::{SI_MESGQ, SI_QUEUE, SI_TKILL, SI_USER, SIGCHLD, SigInfo, is_valid};
use protocol::MONITOR_SLOT;
use protocol::inbox::{ENTRIES, Message, pop};

use crate::kernel::{Kernel, kernel};
use crate::{futex, signal, timer};

/// Handles what the inbox has. The monitor is told when a full one is empty again: it may have more.
pub fn take_all(k: &Kernel) {
    let control = k.host.control();
    let mut taken = 0;
    while let Some(message) = pop(&control) {
        handle(message);
        taken += 1;
    }
    if taken >= ENTRIES {
        k.platform.notify(MONITOR_SLOT, k.platform.slot());
    }
}

/// Handles one message. What it names may have ended meanwhile.
fn handle(msg: Message) {
    match msg {
        Message::Signal { target, tid, signo, code, pid, uid, value, status } => {
            let info = info(signo as i32, code, pid as i32, uid, value, status);
            let process = kernel().process(target);
            let Some(process) = process.filter(|_| is_valid(signo as i32)) else { return };
            // A full queue was the sender's business; the monitor cannot be told any more.
            let _ = if tid == 0 {
                signal::post_process(&process, info)
            } else {
                signal::find_thread(&process, tid).map_or(Ok(()), |t| signal::post_thread(&t, info))
            };
        }
        Message::Continue { target } => {
            if let Some(p) = kernel().process(target) {
                signal::resume(&p);
            }
        }
        Message::FutexWake { region, offset, tid } => futex::woken_by_monitor(region, offset, tid),
        Message::Limit { target, resource, soft, hard } => {
            let Some(p) = kernel().process(target) else { return };
            if let Some(limit) = p.rlimits.lock().get_mut(resource as usize) {
                *limit = (soft, hard);
            }
            timer::cpu_limit_changed(&p);
        }
        Message::Unknown(_) => {}
    }
}

/// The siginfo that a message stands for; the union's layout depends on who sent the signal.
fn info(signo: i32, code: i32, pid: i32, uid: u32, value: u64, status: i32) -> SigInfo {
    match code {
        SI_USER | SI_TKILL => SigInfo::kill(signo, code, pid, uid),
        SI_QUEUE | SI_MESGQ => SigInfo::queue(signo, code, pid, uid, value),
        _ if signo == SIGCHLD && code > 0 => SigInfo::child(signo, code, pid, uid, status, 0, 0),
        _ if code < 0 => SigInfo::queue(signo, code, pid, uid, value),
        // Readiness of a descriptor (F_SETSIG): the band and the descriptor.
        _ if pid == 0 && status != 0 => SigInfo::poll(signo, code, value as i64, status),
        _ => SigInfo::new(signo, code),
    }
}
