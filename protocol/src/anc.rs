//! Ancillary data of a message as `SendAnc` and `RecvAnc` carry it (SCM_RIGHTS, SCM_CREDENTIALS).

use alloc::vec::Vec;

use crate::desc::DescInfo;
use crate::wire::{Reader, Writer};
use zerocopy::{FromBytes, IntoBytes};

/// What a sender attaches: descriptions that it holds, and credentials (pid, uid, gid) if it gave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub descs: Vec<u32>,
    pub creds: Option<[u32; 3]>,
}

/// What a receiver gets: each description now held by it too.
#[derive(Clone, Debug, Default)]
pub struct Received {
    pub descs: Vec<DescInfo>,
    pub creds: Option<[u32; 3]>,
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
        w.finish()
    }
    /// From bytes.
    pub fn decode(buf: &[u8]) -> Option<Self> {
        let mut r = Reader::new(buf);
        let mut descs = Vec::new();
        for _ in 0..r.u32()? {
            descs.push(r.u32()?);
        }
        Some(Self { descs, creds: read_creds(&mut r)? })
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
        w.finish()
    }
    /// From bytes.
    pub fn decode(buf: &[u8]) -> Option<Self> {
        let mut r = Reader::new(buf);
        let mut descs = Vec::new();
        for _ in 0..r.u32()? {
            descs.push(DescInfo::read_from_bytes(r.bytes()?).ok()?);
        }
        Some(Self { descs, creds: read_creds(&mut r)? })
    }
}

fn creds(w: &mut Writer, c: Option<[u32; 3]>) {
    w.u32(c.is_some().into());
    for v in c.unwrap_or_default() {
        w.u32(v);
    }
}

fn read_creds(r: &mut Reader) -> Option<Option<[u32; 3]>> {
    let some = r.u32()? != 0;
    let c = [r.u32()?, r.u32()?, r.u32()?];
    Some(some.then_some(c))
}
