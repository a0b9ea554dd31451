//! Records in a [`Ring`]: what datagram and seqpacket sockets receive.
//!
//! A record is a [`RecordHeader`], the source address and the payload, padded to 8 bytes. It becomes visible by one
//! commit, so a reader sees whole records or nothing. The monitor is the only writer; a reader validates every
//! header all the same, because another holder of the region may have scribbled over it.

use protocol::SharedMem;
use protocol::desc::RecordHeader;
use protocol::ring::{Broken, Ring, Spans};
use zerocopy::{FromBytes, IntoBytes};

const HEADER: u32 = size_of::<RecordHeader>() as u32;

/// A record at the front of a ring, with validated lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Front {
    /// Bytes of payload.
    pub payload: u32,
    /// Bytes of the source address; 0: the sender has none.
    pub addr: u32,
    /// Ancillary data waits at the monitor, under the record's stream position ([`Ring::head`]).
    pub anc: bool,
}

/// Bytes that a record takes in its ring.
pub const fn footprint(addr: usize, payload: usize) -> u64 {
    (HEADER as u64 + addr as u64 + payload as u64).next_multiple_of(8)
}

impl Front {
    fn footprint(&self) -> u64 {
        footprint(self.addr as usize, self.payload as usize)
    }

    /// Where `n` bytes of the payload lie, from byte `from`; both must be within the payload.
    pub fn payload_spans<M: SharedMem + ?Sized>(&self, ring: &Ring<'_, M>, from: u32, n: u32) -> Spans {
        let from = from.min(self.payload);
        ring.read_spans(HEADER + self.addr + from, n.min(self.payload - from))
    }

    /// Copies the source address; `None` says that `dst` is too short for it.
    pub fn read_addr<M: SharedMem + ?Sized>(&self, ring: &Ring<'_, M>, dst: &mut [u8]) -> Option<usize> {
        let dst = dst.get_mut(..self.addr as usize)?;
        ring.peek(HEADER, dst).ok()
    }

    /// Copies as much of the payload as fits `dst`; the bytes copied.
    pub fn read_payload<M: SharedMem + ?Sized>(&self, ring: &Ring<'_, M>, dst: &mut [u8]) -> usize {
        let n = dst.len().min(self.payload as usize);
        ring.peek(HEADER + self.addr, &mut dst[..n]).unwrap_or(0)
    }

    /// Removes the record; hold the readers' lock. The caller then wakes the waiting writers.
    pub fn consume<M: SharedMem + ?Sized>(&self, ring: &Ring<'_, M>) {
        ring.commit_read(self.footprint() as u32);
    }
}

/// Appends a record whose payload is the concatenation of `payload`; hold the writers' lock. `Ok(None)`: it does not
/// fit now (or ever, if its [`footprint`] exceeds the capacity). `Ok(Some(position))`: where it lies in the stream.
pub fn push<M: SharedMem + ?Sized>(
    ring: &Ring<'_, M>,
    addr: &[u8],
    payload: &[&[u8]],
    anc: bool,
) -> Result<Option<u32>, Broken> {
    let total: usize = payload.iter().map(|p| p.len()).sum();
    let need = footprint(addr.len(), total);
    if need > u64::from(ring.space()?) || addr.len() > usize::from(u16::MAX) {
        return Ok(None);
    }
    let header = RecordHeader { payload: total as u32, addr: addr.len() as u16, anc: anc.into() };
    let position = ring.tail();
    let mut at = 0;
    for part in [header.as_bytes(), addr].into_iter().chain(payload.iter().copied()) {
        put(ring, at, part);
        at += part.len() as u32;
    }
    ring.commit_write(need as u32);
    Ok(Some(position))
}

fn put<M: SharedMem + ?Sized>(ring: &Ring<'_, M>, at: u32, bytes: &[u8]) {
    let [a, b] = ring.write_spans(at, bytes.len() as u32);
    ring.mem().write(a.0, &bytes[..a.1]);
    ring.mem().write(b.0, &bytes[a.1..]);
}

/// The record at the front, if there is one; hold the readers' lock.
pub fn front<M: SharedMem + ?Sized>(ring: &Ring<'_, M>) -> Result<Option<Front>, Broken> {
    let used = ring.used()?;
    if used == 0 {
        return Ok(None);
    }
    let mut raw = [0; HEADER as usize];
    if ring.peek(0, &mut raw)? < raw.len() {
        return Err(Broken);
    }
    let header = RecordHeader::read_from_bytes(&raw).map_err(|_| Broken)?;
    let front = Front { payload: header.payload, addr: header.addr.into(), anc: header.anc != 0 };
    if front.footprint() > u64::from(used) { Err(Broken) } else { Ok(Some(front)) }
}

/// How many records the ring holds, counting no further than `most`.
pub fn count<M: SharedMem + ?Sized>(ring: &Ring<'_, M>, most: usize) -> Result<usize, Broken> {
    let used = ring.used()?;
    let (mut n, mut at) = (0, 0u64);
    while n < most && at < u64::from(used) {
        let mut raw = [0; HEADER as usize];
        if ring.peek(at as u32, &mut raw)? < raw.len() {
            return Err(Broken);
        }
        let header = RecordHeader::read_from_bytes(&raw).map_err(|_| Broken)?;
        at += footprint(header.addr.into(), header.payload as usize);
        n += 1;
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::VecDeque;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;
    use protocol::HeapMem;
    use protocol::ring::size_of_ring;

    const CAP: u32 = 256;

    #[derive(Clone, Debug)]
    enum Step {
        Push { addr: Vec<u8>, payload: Vec<u8>, anc: bool },
        Pull { room: usize },
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let bytes = |n| proptest::collection::vec(any::<u8>(), 0..n);
        let push = (bytes(20), bytes(120), any::<bool>()).prop_map(|(addr, payload, anc)| Step::Push {
            addr,
            payload,
            anc,
        });
        proptest::collection::vec(
            prop_oneof![push, (0usize..150).prop_map(|room| Step::Pull { room })],
            0..80,
        )
    }

    proptest! {
        /// A ring of records behaves as a queue of records: boundaries, order, addresses and marks are kept.
        #[test]
        fn is_a_queue(steps in steps()) {
            let mem = HeapMem::new(size_of_ring(CAP));
            let ring = Ring::new(&mem, 0, CAP);
            let mut model = VecDeque::new();
            let mut used = 0;
            for step in steps {
                match step {
                    Step::Push { addr, payload, anc } => {
                        let need = footprint(addr.len(), payload.len());
                        let (a, b) = payload.split_at(payload.len() / 2);
                        let pushed = push(&ring, &addr, &[a, b], anc).unwrap();
                        prop_assert_eq!(pushed.is_some(), used + need <= u64::from(CAP));
                        if let Some(position) = pushed {
                            used += need;
                            model.push_back((addr, payload, anc, position));
                        }
                    }
                    Step::Pull { room } => {
                        let got = front(&ring).unwrap();
                        prop_assert_eq!(got.is_some(), !model.is_empty());
                        let (Some(got), Some((addr, payload, anc, position))) = (got, model.pop_front()) else { continue };
                        let (mut to, mut from) = (vec![0; room], vec![0; 32]);
                        let n = got.read_payload(&ring, &mut to);
                        let alen = got.read_addr(&ring, &mut from).unwrap();
                        prop_assert_eq!(&to[..n], &payload[..room.min(payload.len())]);
                        prop_assert_eq!(&from[..alen], &addr[..]);
                        prop_assert_eq!((got.anc, ring.head()), (anc, position));
                        used -= footprint(addr.len(), payload.len());
                        got.consume(&ring);
                    }
                }
                prop_assert_eq!(u64::from(ring.used().unwrap()), used);
                prop_assert_eq!(count(&ring, 5).unwrap(), model.len().min(5));
            }
        }

        /// Whatever lies in the data area, reading a record stays within what the ring holds.
        #[test]
        fn garbage_is_refused(garbage in proptest::collection::vec(any::<u8>(), 1..256)) {
            let mem = HeapMem::new(size_of_ring(CAP));
            let ring = Ring::new(&mem, 0, CAP);
            ring.push(&garbage).unwrap();
            if let Ok(Some(front)) = front(&ring) {
                let mut to = vec![0; 1 << 16];
                prop_assert_eq!(front.read_payload(&ring, &mut to), front.payload as usize);
                prop_assert!(front.footprint() <= garbage.len() as u64);
            }
            prop_assert!(count(&ring, 9).unwrap_or(0) <= 9);
        }
    }
}
