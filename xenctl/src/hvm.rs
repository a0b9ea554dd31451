//! The state of a domain's vCPU as Xen saves and loads it (xen/include/public/arch-x86/hvm/save.h), and the HVM
//! parameters (xen/include/public/hvm/params.h).

use zerocopy::{FromBytes, IntoBytes};

use crate::hypercall::{Arguments, Xen, number};
use crate::wire::{self, HvmParam, SaveDescriptor};
use crate::{DomId, Error, Result};

const GET_CONTEXT: u32 = 33;
const SET_CONTEXT: u32 = 34;
/// HVMOP_set_param.
const SET_PARAM: u64 = 0;
/// HVMOP_get_param.
const GET_PARAM: u64 = 1;

/// HVM_PARAM_*: places and ports of a guest.
pub mod param {
    /// The frame of xenstore's ring.
    pub const STORE_PFN: u32 = 1;
    /// The guest's port to xenstore.
    pub const STORE_EVTCHN: u32 = 2;
    /// The address of page tables that map the first 4 GiB one to one, which some processors need while the guest's
    /// paging is off.
    pub const IDENT_PT: u32 = 12;
    /// The frame of the console's ring.
    pub const CONSOLE_PFN: u32 = 17;
    /// The guest's port to the console.
    pub const CONSOLE_EVTCHN: u32 = 18;
}

/// HVM_SAVE_CODE(*).
mod code {
    pub const END: u16 = 0;
    pub const HEADER: u16 = 1;
    pub const CPU: u16 = 2;
    pub const MTRR: u16 = 14;
}

impl Xen {
    /// The whole state of the domain's virtual hardware.
    pub fn hvm_context(&self, domain: DomId) -> Result<Vec<u8>> {
        let name = "XEN_DOMCTL_gethvmcontext";
        let asked: wire::HvmContext =
            self.domctl(GET_CONTEXT, name, domain).get(&wire::HvmContext::default())?;
        let size = (asked.size as usize).min(Arguments::MOST - 1024);
        let fill = |arguments: &mut Arguments<'_>| {
            let place = arguments.space(size);
            let buffer = arguments.address(place);
            wire::HvmContext { size: size as u32, buffer, ..Default::default() }.as_bytes().to_vec()
        };
        self.domctl(GET_CONTEXT, name, domain).run(fill, |arguments, answer: wire::HvmContext| {
            let len = (answer.size as usize).min(size);
            arguments.bytes(arguments.at_address(answer.buffer), len)
        })
    }

    /// Loads state: a whole one, or a header, some records and the end.
    pub fn set_hvm_context(&self, domain: DomId, context: &[u8]) -> Result<()> {
        let name = "XEN_DOMCTL_sethvmcontext";
        if context.len() > Arguments::MOST - 1024 {
            return Err(Error::Call { name, domain: Some(domain), errno: libc::E2BIG });
        }
        let fill = |arguments: &mut Arguments<'_>| {
            let place = arguments.put(context);
            let (size, buffer) = (context.len() as u32, arguments.address(place));
            wire::HvmContext { size, buffer, ..Default::default() }.as_bytes().to_vec()
        };
        self.domctl(SET_CONTEXT, name, domain).run(fill, |_, _: wire::HvmContext| ())
    }

    /// Sets an HVM parameter.
    pub fn set_param(&self, domain: DomId, index: u32, value: u64) -> Result<()> {
        self.param("HVMOP_set_param", SET_PARAM, domain, index, value).map(drop)
    }

    /// Asks for an HVM parameter.
    pub fn get_param(&self, domain: DomId, index: u32) -> Result<u64> {
        self.param("HVMOP_get_param", GET_PARAM, domain, index, 0)
    }

    fn param(&self, name: &'static str, op: u64, domain: DomId, index: u32, value: u64) -> Result<u64> {
        self.call(
            name,
            Some(domain),
            number::HVM_OP,
            |arguments| {
                let place = arguments.put(&HvmParam { domid: domain.0, pad: 0, index, value });
                [op, arguments.address(place), 0, 0, 0]
            },
            |arguments, _| {
                let bytes = arguments.last(size_of::<HvmParam>());
                HvmParam::read_from_bytes(&bytes).map_or(0, |answer| answer.value)
            },
        )
    }

    /// Sets the first vCPU as the PVH boot protocol says (docs/misc/pvh.pandoc): 32-bit flat protected mode without
    /// paging, at `entry`, with the address of the start info in ebx.
    pub fn set_pvh_entry(&self, domain: DomId, entry: u32, start_info: u32) -> Result<()> {
        let whole = self.hvm_context(domain)?;
        let missing =
            || Error::Call { name: "XEN_DOMCTL_gethvmcontext", domain: Some(domain), errno: libc::ENODATA };
        let header = record(&whole, code::HEADER).ok_or_else(missing)?;
        // A vCPU that has never run has no record yet.
        let cpu = record(&whole, code::CPU).map_or(at::END, <[u8]>::len).max(at::END);
        let mut context = Vec::with_capacity(2048);
        push(&mut context, code::HEADER, header);
        if let Some((mut mtrr, _)) =
            record(&whole, code::MTRR).and_then(|bytes| wire::HwMtrr::read_from_prefix(bytes).ok())
        {
            // Enabled, and write-back unless a range says otherwise: there is nothing but memory.
            mtrr.def_type = 1 << 11 | 6;
            push(&mut context, code::MTRR, mtrr.as_bytes());
        }
        push(&mut context, code::CPU, &pvh_cpu(cpu, entry, start_info));
        push(&mut context, code::END, &[]);
        self.set_hvm_context(domain, &context)
    }
}

/// The content of the first record of a kind.
fn record(context: &[u8], code: u16) -> Option<&[u8]> {
    let mut rest = context;
    while let Ok((descriptor, behind)) = SaveDescriptor::read_from_prefix(rest) {
        let content = behind.get(..descriptor.length as usize)?;
        if descriptor.typecode == code {
            return Some(content);
        }
        if descriptor.typecode == code::END {
            return None;
        }
        rest = &behind[content.len()..];
    }
    None
}

fn push(context: &mut Vec<u8>, code: u16, content: &[u8]) {
    let descriptor = SaveDescriptor { typecode: code, instance: 0, length: content.len() as u32 };
    context.extend(descriptor.as_bytes());
    context.extend(content);
}

/// Offsets in `struct hvm_hw_cpu`.
mod at {
    pub const RBX: usize = 520;
    pub const RIP: usize = 640;
    pub const CR0: usize = 656;
    pub const DR6: usize = 720;
    pub const DR7: usize = 728;
    /// Limits of cs, ds, es, fs, gs, ss, tr, ldtr: 32 bits each; selectors are before them.
    pub const LIMITS: usize = 768;
    /// Access rights of the same segments.
    pub const RIGHTS: usize = 888;
    /// Its size.
    pub const END: usize = 1032;
}

/// A `struct hvm_hw_cpu` for the PVH entry.
fn pvh_cpu(len: usize, entry: u32, start_info: u32) -> Vec<u8> {
    const CODE: u32 = 0xc9b;
    const DATA: u32 = 0xc93;
    const TASK: u32 = 0x8b;
    let mut cpu = vec![0; len];
    let mut put = |at: usize, value: &[u8]| cpu[at..at + value.len()].copy_from_slice(value);
    put(at::RBX, &u64::from(start_info).to_le_bytes());
    put(at::RIP, &u64::from(entry).to_le_bytes());
    // CR0: PE and ET.
    put(at::CR0, &0x11_u64.to_le_bytes());
    put(at::DR6, &0xffff_0ff0_u64.to_le_bytes());
    put(at::DR7, &0x400_u64.to_le_bytes());
    // cs, ds, es, fs, gs, ss, tr; fs and gs stay unusable, as Xen's own builder leaves them.
    let segments =
        [(0, u32::MAX, CODE), (1, u32::MAX, DATA), (2, u32::MAX, DATA), (5, u32::MAX, DATA), (6, 0x67, TASK)];
    for (index, limit, rights) in segments {
        put(at::LIMITS + index * 4, &limit.to_le_bytes());
        put(at::RIGHTS + index * 4, &rights.to_le_bytes());
    }
    cpu
}
