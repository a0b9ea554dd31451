//! Sending descriptors on a control socket.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd};

use protocol::hosted::sock_payload;
use rustix::cmsg_space;
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

/// Sends one descriptor to a member, which may be dead or not listening: this never waits.
pub fn send_fd(socket: impl AsFd, kind: u64, id: u64, fd: BorrowedFd<'_>) -> Result<(), Errno> {
    let payload = sock_payload(kind, id);
    let fds = [fd];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
    sendmsg(socket, &[IoSlice::new(&payload)], &mut control, flags).map(drop)
}
