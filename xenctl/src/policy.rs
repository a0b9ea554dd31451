//! The CPUID leaves and MSRs that a domain sees. A new domain has Xen's default for HVM guests: every feature that the
//! host has and that survives a move to another host.

use zerocopy::{FromBytes, IntoBytes};

use crate::hypercall::{Arguments, Xen};
use crate::wire;
use crate::{DomId, Result};

pub use crate::wire::{CpuidLeaf, MsrEntry};

const GET_POLICY: u32 = 82;
const SET_POLICY: u32 = 83;
/// More than any policy has.
const LEAVES: usize = 512;
const MSRS: usize = 128;

/// What a domain sees of its processor.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// CPUID's answers.
    pub leaves: Vec<CpuidLeaf>,
    /// MSRs that describe the processor.
    pub msrs: Vec<MsrEntry>,
}

impl Policy {
    /// One of CPUID's answers, to read or to change.
    pub fn leaf(&mut self, leaf: u32, subleaf: u32) -> Option<&mut CpuidLeaf> {
        self.leaves.iter_mut().find(|one| one.leaf == leaf && (one.subleaf == subleaf || one.subleaf == !0))
    }
}

impl Xen {
    /// What the domain sees of its processor.
    pub fn policy(&self, domain: DomId) -> Result<Policy> {
        let fill = |arguments: &mut Arguments<'_>| {
            let leaves = arguments.space(LEAVES * size_of::<CpuidLeaf>());
            let msrs = arguments.space(MSRS * size_of::<MsrEntry>());
            payload(LEAVES, MSRS, arguments.address(leaves), arguments.address(msrs))
        };
        let call = self.domctl(GET_POLICY, "XEN_DOMCTL_get_cpu_policy", domain);
        call.run(fill, |arguments, answer: wire::CpuPolicy| Policy {
            leaves: list(arguments, answer.leaves, (answer.nr_leaves as usize).min(LEAVES)),
            msrs: list(arguments, answer.msrs, (answer.nr_msrs as usize).min(MSRS)),
        })
    }

    /// Changes what the domain sees, before it runs. Leaves that are not named stay; EINVAL for what the host cannot do.
    pub fn set_policy(&self, domain: DomId, policy: &Policy) -> Result<()> {
        let fill = |arguments: &mut Arguments<'_>| {
            let leaves = arguments.put(policy.leaves.as_slice());
            let msrs = arguments.put(policy.msrs.as_slice());
            let (leaves, msrs) = (arguments.address(leaves), arguments.address(msrs));
            payload(policy.leaves.len(), policy.msrs.len(), leaves, msrs)
        };
        let call = self.domctl(SET_POLICY, "XEN_DOMCTL_set_cpu_policy", domain);
        call.run(fill, |_, _: wire::CpuPolicy| ())
    }
}

fn payload(nr_leaves: usize, nr_msrs: usize, leaves: u64, msrs: u64) -> Vec<u8> {
    let (nr_leaves, nr_msrs) = (nr_leaves as u32, nr_msrs as u32);
    wire::CpuPolicy { nr_leaves, nr_msrs, leaves, msrs, ..Default::default() }.as_bytes().to_vec()
}

fn list<T: FromBytes>(arguments: &Arguments<'_>, address: u64, count: usize) -> Vec<T> {
    let first = arguments.at_address(address);
    (0..count).map(|index| arguments.get(first.behind(index * size_of::<T>()))).collect()
}
