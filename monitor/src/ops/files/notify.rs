//! inotify(7) objects.

use abi::Errno;
use abi::fs::{IN_CLOEXEC, IN_NONBLOCK, S_IRUSR, S_IWUSR, Stat};
use abi::ioctl::FIONREAD;
use abi::poll::{POLLIN, POLLRDNORM};
use protocol::Op;

use crate::call::{Answer, Call, OpResult};
use crate::descs::Body;
use crate::family::Family;
use crate::fs::{self, INotifyId};
use crate::ops::descs::info;

/// `Op::INotifyOpen`.
pub(super) fn open(fam: &mut Family, call: &Call) -> OpResult {
    let flags = call.arg32(0)?;
    if flags & !(IN_CLOEXEC | IN_NONBLOCK) != 0 {
        return Err(Errno::EINVAL);
    }
    let id = fs::create_inotify(fam)?;
    let desc = fam.open_desc(call.pid, Body::INotify(id), flags & IN_NONBLOCK)?;
    Ok(Answer::default().with_struct(&info(fam, desc)))
}

/// fstat(2): the one inode that such objects share.
pub(super) fn stat() -> OpResult {
    let stat = Stat { st_dev: 13, st_ino: 1, st_nlink: 1, st_mode: S_IRUSR | S_IWUSR, ..Stat::default() };
    Ok(Answer::default().with_struct(&stat))
}

/// Requests on the description.
pub(super) fn handle(fam: &mut Family, op: Op, call: &Call, id: INotifyId) -> OpResult {
    let pending = fam.fs.vfs.notify.borrow().pending(id.0);
    match op {
        Op::Read => {
            let max = (call.arg(1) as usize).min(protocol::control::SLOT_DATA);
            let got = fam.fs.vfs.notify.borrow_mut().read(id.0, max);
            if got == Err(Errno::EAGAIN) {
                fs::arm(fam, id, call.slot);
            }
            let data = got?;
            Ok(Answer::value(data.len() as i64).with_data(data))
        }
        Op::PollDesc => {
            fs::arm(fam, id, call.slot);
            let ready = if pending > 0 { POLLIN | POLLRDNORM } else { 0 };
            Ok(Answer::value(i64::from(ready)))
        }
        Op::IoCtl if call.arg32(1)? == FIONREAD => {
            Ok(Answer::default().with_data((pending as u32).to_le_bytes().to_vec()))
        }
        Op::IoCtl => Err(Errno::ENOTTY),
        Op::Seek | Op::PRead | Op::PWrite => Err(Errno::ESPIPE),
        Op::Write => Err(Errno::EBADF),
        _ => Err(Errno::EINVAL),
    }
}
