//! Ancillary data of a message as `SendAnc` and `RecvAnc` carry it: SCM_RIGHTS, SCM_CREDENTIALS, and what datagrams tell
//! of their way (IP_PKTINFO, SO_TIMESTAMP …), which is passed as it is.

use alloc::vec::Vec;

use crate::desc::DescInfo;
use crate::wire::{Reader, Writer};
use zerocopy::{FromBytes, IntoBytes};

/// A control message that is not about descriptions or credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Control {
    pub level: i32,
    pub kind: i32,
    pub data: Vec<u8>,
}

/// What a sender attaches: descriptions that it holds, credentials (pid, uid, gid) if it gave them, and the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub descs: Vec<u32>,
    pub creds: Option<[u32; 3]>,
    pub control: Vec<Control>,
}

/// What a receiver gets: each description now held by it too.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub descs: Vec<DescInfo>,
    pub creds: Option<[u32; 3]>,
    pub control: Vec<Control>,
}

impl Sent {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u32(self.descs.len() as u32);
        for d in &self.descs {
            w.u32(*d);
        }
        creds(&mut w, self.creds);
        control(&mut w, &self.control);
        w.finish()
    }
    /// True when nothing is attached.
    pub fn is_empty(&self) -> bool {
        self.descs.is_empty() && self.creds.is_none() && self.control.is_empty()
    }
    /// From bytes.
    pub fn decode(buf: &[u8]) -> Option<Self> {
        let mut r = Reader::new(buf);
        let mut descs = Vec::new();
        for _ in 0..r.u32()? {
            descs.push(r.u32()?);
        }
        Some(Self { descs, creds: read_creds(&mut r)?, control: read_control(&mut r)? })
    }
}

impl Received {
    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.u32(self.descs.len() as u32);
        for d in &self.descs {
            w.bytes(d.as_bytes());
        }
        creds(&mut w, self.creds);
        control(&mut w, &self.control);
        w.finish()
    }
    /// From bytes.
    pub fn decode(buf: &[u8]) -> Option<Self> {
        let mut r = Reader::new(buf);
        let mut descs = Vec::new();
        for _ in 0..r.u32()? {
            descs.push(DescInfo::read_from_bytes(r.bytes()?).ok()?);
        }
        Some(Self { descs, creds: read_creds(&mut r)?, control: read_control(&mut r)? })
    }
}

fn creds(w: &mut Writer, c: Option<[u32; 3]>) {
    w.u32(c.is_some().into());
    for v in c.unwrap_or_default() {
        w.u32(v);
    }
}

fn control(w: &mut Writer, list: &[Control]) {
    w.u32(list.len() as u32);
    for c in list {
        w.u32(c.level as u32).u32(c.kind as u32).bytes(&c.data);
    }
}

fn read_control(r: &mut Reader) -> Option<Vec<Control>> {
    let mut list = Vec::new();
    for _ in 0..r.u32()? {
        list.push(Control { level: r.u32()? as i32, kind: r.u32()? as i32, data: r.bytes()?.to_vec() });
    }
    Some(list)
}

fn read_creds(r: &mut Reader) -> Option<Option<[u32; 3]>> {
    let some = r.u32()? != 0;
    let c = [r.u32()?, r.u32()?, r.u32()?];
    Some(some.then_some(c))
}
