//! Event channels: the ports that this program holds (`/dev/xen/evtchn`), and unbound ones on behalf of a domain.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};

use crate::hypercall::{Xen, number};
use crate::sys::{self, ioc};
use crate::wire::AllocUnbound;
use crate::{DomId, Error, Result};

/// EVTCHNOP_alloc_unbound.
const ALLOC_UNBOUND: u64 = 6;

const IOCTL_BIND_INTERDOMAIN: u64 = ioc(b'E', 1, 8);
const IOCTL_BIND_UNBOUND_PORT: u64 = ioc(b'E', 2, 4);
const IOCTL_UNBIND: u64 = ioc(b'E', 3, 4);
const IOCTL_NOTIFY: u64 = ioc(b'E', 4, 4);

impl Xen {
    /// A port of `domain` to which `remote` may bind itself.
    pub fn alloc_unbound(&self, domain: DomId, remote: DomId) -> Result<u32> {
        self.call(
            "EVTCHNOP_alloc_unbound",
            Some(domain),
            number::EVENT_CHANNEL_OP,
            |arguments| {
                let place = arguments.put(&AllocUnbound { dom: domain.0, remote_dom: remote.0, port: 0 });
                [ALLOC_UNBOUND, arguments.address(place), 0, 0, 0]
            },
            |arguments, _| {
                let bytes = arguments.last(size_of::<AllocUnbound>());
                u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]])
            },
        )
    }
}

/// This program's ports. The descriptor becomes readable when one of them has an event.
///
/// A port that has been delivered by [`pending`](EventChannels::pending) is masked: it says nothing more until
/// [`unmask`](EventChannels::unmask). After binding, a first event comes by itself.
#[derive(Debug)]
pub struct EventChannels {
    file: File,
}

impl EventChannels {
    /// Opens the device. Ports belong to what is opened here, and are closed with it.
    pub fn open() -> Result<EventChannels> {
        Ok(EventChannels { file: sys::open("/dev/xen/evtchn", libc::O_NONBLOCK)? })
    }

    /// Binds to a port that a domain holds open for us, and gives our end.
    pub fn bind(&self, domain: DomId, remote_port: u32) -> Result<u32> {
        self.port(
            "IOCTL_EVTCHN_BIND_INTERDOMAIN",
            IOCTL_BIND_INTERDOMAIN,
            domain,
            [domain.0.into(), remote_port],
        )
    }

    /// A port of ours to which the domain may bind itself.
    pub fn bind_unbound(&self, domain: DomId) -> Result<u32> {
        self.port("IOCTL_EVTCHN_BIND_UNBOUND_PORT", IOCTL_BIND_UNBOUND_PORT, domain, [u32::from(domain.0)])
    }

    /// Closes a port of ours.
    pub fn unbind(&self, port: u32) -> Result<()> {
        self.port("IOCTL_EVTCHN_UNBIND", IOCTL_UNBIND, None, [port]).map(drop)
    }

    /// Sends an event.
    pub fn notify(&self, port: u32) -> Result<()> {
        self.port("IOCTL_EVTCHN_NOTIFY", IOCTL_NOTIFY, None, [port]).map(drop)
    }

    fn port<const N: usize>(
        &self,
        name: &'static str,
        number: u64,
        domain: impl Into<Option<DomId>>,
        mut words: [u32; N],
    ) -> Result<u32> {
        // SAFETY: each of these ioctls takes N 32-bit words and refers to no memory beyond them.
        let ret = unsafe { sys::ioctl(&self.file, number, &mut words) };
        ret.map(|port| port as u32).map_err(|error| Error::call(name, domain, error))
    }

    /// Adds the ports that have events to `ports`; they are masked until they are unmasked.
    pub fn pending(&self, ports: &mut Vec<u32>) -> Result<()> {
        let mut bytes = [0; 1024];
        loop {
            match (&self.file).read(&mut bytes) {
                Ok(len) => {
                    let words = bytes[..len].as_chunks::<4>().0;
                    ports.extend(words.iter().map(|word| u32::from_ne_bytes(*word)));
                    if len < bytes.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::call("read of /dev/xen/evtchn", None, error)),
            }
        }
    }

    /// Lets these ports speak again.
    pub fn unmask(&self, ports: &[u32]) -> Result<()> {
        let bytes: Vec<u8> = ports.iter().flat_map(|port| port.to_ne_bytes()).collect();
        // The device takes a page at once.
        for some in bytes.chunks(crate::PAGE) {
            (&self.file)
                .write_all(some)
                .map_err(|error| Error::call("write to /dev/xen/evtchn", None, error))?;
        }
        Ok(())
    }
}

impl AsFd for EventChannels {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
