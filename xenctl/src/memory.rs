//! A domain's frames: XENMEM_* on its behalf (xen/include/public/memory.h).

use crate::hypercall::{Arguments, Xen, number};
use crate::wire::{AddToPhysmap, DmOpBuffer, MemoryReservation, SetMemType};
use crate::{DomId, Error, Result};

const DECREASE_RESERVATION: u64 = 1;
const POPULATE_PHYSMAP: u64 = 6;
const ADD_TO_PHYSMAP: u64 = 7;
const MAXIMUM_GPFN: u64 = 14;
/// XEN_DMOP_set_mem_type (xen/include/public/hvm/dm_op.h).
const SET_MEM_TYPE: u32 = 12;
/// HVMMEM_ram_ro.
const RAM_READ_ONLY: u16 = 1;
/// XENMAPSPACE_shared_info.
const SPACE_SHARED_INFO: u32 = 0;

/// Order of the extents in which runs of pages are populated.
const RUN: u32 = 4;

/// The order of an extent that these numbers begin with: that of a run, or 0.
fn extent(gfns: &[u64]) -> u32 {
    let len = 1 << RUN;
    let is_run = gfns.len() >= len
        && gfns[0].is_multiple_of(len as u64)
        && gfns[..len].iter().zip(gfns[0]..).all(|(gfn, next)| *gfn == next);
    if is_run { RUN } else { 0 }
}

/// How many frame numbers go with one call.
const AT_ONCE: usize = (Arguments::MOST - 64) / 8;

impl Xen {
    /// Gives the domain memory at these guest frames; each counts 2^`order` pages and is aligned so. All or an error, in
    /// which case some may be there: ENOMEM when Xen, the domain's limit or its paging pool has no room.
    ///
    /// Fresh memory is no promise of zeros.
    pub fn populate(&self, domain: DomId, gfns: &[u64], order: u32) -> Result<()> {
        let name = "XENMEM_populate_physmap";
        let done = self.reservation(POPULATE_PHYSMAP, name, domain, gfns, order)?;
        if done == gfns.len() {
            return Ok(());
        }
        Err(Error::Call { name, domain: Some(domain), errno: libc::ENOMEM })
    }

    /// The same for single pages, of which aligned runs are populated together, which costs Xen less.
    pub fn populate_pages(&self, domain: DomId, gfns: &[u64]) -> Result<()> {
        let mut left = gfns;
        while !left.is_empty() {
            let order = extent(left);
            let mut end = 0;
            while end < left.len() && extent(&left[end..]) == order {
                end += 1 << order;
            }
            let (some, rest) = left.split_at(end);
            let starts: Vec<u64> = some.iter().step_by(1 << order).copied().collect();
            let name = "XENMEM_populate_physmap";
            let done = self.reservation(POPULATE_PHYSMAP, name, domain, &starts, order)? << order;
            if done < end {
                // There may be memory, but none in so large pieces.
                self.populate(domain, &some[done..], 0)?;
            }
            left = rest;
        }
        Ok(())
    }

    /// Takes memory from the domain at these guest frames. Gives how many extents were there to take.
    pub fn depopulate(&self, domain: DomId, gfns: &[u64], order: u32) -> Result<usize> {
        self.reservation(DECREASE_RESERVATION, "XENMEM_decrease_reservation", domain, gfns, order)
    }

    /// The highest guest frame that the domain has ever had.
    pub fn highest_gfn(&self, domain: DomId) -> Result<u64> {
        self.call(
            "XENMEM_maximum_gpfn",
            Some(domain),
            number::MEMORY_OP,
            |arguments| {
                let id = arguments.put(&domain.0);
                [MAXIMUM_GPFN, arguments.address(id), 0, 0, 0]
            },
            |_, highest| highest as u64,
        )
    }

    /// Puts the domain's shared_info page at a guest frame. A guest can do so itself.
    pub fn map_shared_info(&self, domain: DomId, gfn: u64) -> Result<()> {
        let payload =
            AddToPhysmap { domid: domain.0, space: SPACE_SHARED_INFO, gpfn: gfn, ..Default::default() };
        self.call(
            "XENMEM_add_to_physmap",
            Some(domain),
            number::MEMORY_OP,
            |arguments| {
                let place = arguments.put(&payload);
                [ADD_TO_PHYSMAP, arguments.address(place), 0, 0, 0]
            },
            |_, _| (),
        )
    }

    /// Makes frames of the domain such that it can read and execute them, and that nothing that it writes there arrives,
    /// whatever its own page tables say.
    pub fn seal(&self, domain: DomId, first: u64, count: u32) -> Result<()> {
        let payload = SetMemType {
            op: SET_MEM_TYPE,
            mem_type: RAM_READ_ONLY,
            nr: count,
            first_pfn: first,
            ..Default::default()
        };
        self.call(
            "XEN_DMOP_set_mem_type",
            Some(domain),
            number::DM_OP,
            |arguments| {
                let place = arguments.put(&payload);
                let buffer = DmOpBuffer { h: arguments.address(place), size: size_of_val(&payload) as u64 };
                let place = arguments.put(&buffer);
                [domain.0.into(), 1, arguments.address(place), 0, 0]
            },
            |_, _| (),
        )
    }

    fn reservation(
        &self,
        op: u64,
        name: &'static str,
        domain: DomId,
        gfns: &[u64],
        order: u32,
    ) -> Result<usize> {
        let mut done = 0;
        for some in gfns.chunks(AT_ONCE) {
            let count = self.call(
                name,
                Some(domain),
                number::MEMORY_OP,
                |arguments| {
                    let list = arguments.put(some);
                    let reservation = MemoryReservation {
                        extent_start: arguments.address(list),
                        nr_extents: some.len() as u64,
                        extent_order: order,
                        domid: domain.0,
                        ..Default::default()
                    };
                    let place = arguments.put(&reservation);
                    [op, arguments.address(place), 0, 0, 0]
                },
                |_, count| count as usize,
            )?;
            done += count;
            if count != some.len() {
                break;
            }
        }
        Ok(done)
    }
}
