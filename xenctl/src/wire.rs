//! The structures of Xen's public interface that this crate uses, field by field as in `xen/include/public/`; their sizes
//! are asserted here, and compared with the C headers by a test where those are at hand.
//!
//! Only `createdomain` differs between the versions of the domctl interface that are spoken here.

use static_assertions::const_assert_eq;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Declares structures with what all of them need.
macro_rules! wire {
    ($($(#[$doc:meta])* struct $name:ident [$size:literal] { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub struct $name { $($(#[$field_doc])* pub $field: $kind),* }
        const_assert_eq!(size_of::<$name>(), $size);
    )*};
}

/// A version of the domctl interface, with its layout of `createdomain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DomctlVersion(pub u32);

impl DomctlVersion {
    /// Xen 4.16.
    pub const V4_16: DomctlVersion = DomctlVersion(0x14);
    /// Xen 4.17: CPU pools at creation, paging pool in bytes.
    pub const V4_17: DomctlVersion = DomctlVersion(0x15);
    /// Xen 4.19: a word for altp2m. 4.20 and 4.21 have the same number.
    pub const V4_19: DomctlVersion = DomctlVersion(0x17);
    /// Xen 4.22: a new domain is asked for with `DOMID_ANY`.
    pub const V4_22: DomctlVersion = DomctlVersion(0x18);
    /// The newest that is spoken here.
    pub const NEWEST: DomctlVersion = Self::V4_22;
    /// The oldest.
    pub const OLDEST: DomctlVersion = Self::V4_16;
}

/// A version of the sysctl interface. What is used of it has been the same in all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SysctlVersion(pub u32);

impl SysctlVersion {
    /// Xen 4.21 and 4.22.
    pub const NEWEST: SysctlVersion = SysctlVersion(0x16);
    /// Xen 4.16.
    pub const OLDEST: SysctlVersion = SysctlVersion(0x14);
}

/// Bytes of the union in `struct xen_domctl` and `struct xen_sysctl`.
pub const UNION: usize = 128;

wire! {
    /// `struct xen_domctl` up to its union.
    struct DomctlHead [16] { cmd: u32, interface_version: u32, domain: u16, pad: [u16; 3] }
    /// `struct xen_sysctl` up to its union.
    struct SysctlHead [8] { cmd: u32, interface_version: u32 }

    /// `struct xen_domctl_createdomain` up to where the versions differ.
    struct CreateHead [48] {
        ssidref: u32,
        handle: [u8; 16],
        flags: u32,
        iommu_opts: u32,
        max_vcpus: u32,
        max_evtchn_port: u32,
        max_grant_frames: i32,
        max_maptrack_frames: i32,
        grant_opts: u32,
    }
    /// `struct xen_arch_domainconfig`.
    struct ArchConfig [8] { emulation_flags: u32, misc_flags: u32 }
    /// Its rest in 4.16.
    struct CreateTail16 [12] { vmtrace_size: u32, arch: ArchConfig }
    /// In 4.17 and 4.18.
    struct CreateTail17 [16] { vmtrace_size: u32, cpupool_id: u32, arch: ArchConfig }
    /// From 4.19 on.
    struct CreateTail19 [20] { altp2m: u32, vmtrace_size: u32, cpupool_id: u32, arch: ArchConfig }

    /// `struct xen_domctl_getdomaininfo`.
    struct GetDomainInfo [112] {
        domain: u16,
        pad1: u16,
        flags: u32,
        tot_pages: u64,
        max_pages: u64,
        outstanding_pages: u64,
        shr_pages: u64,
        paged_pages: u64,
        shared_info_frame: u64,
        cpu_time: u64,
        nr_online_vcpus: u32,
        max_vcpu_id: u32,
        ssidref: u32,
        handle: [u8; 16],
        cpupool: u32,
        gpaddr_bits: u8,
        pad2: [u8; 7],
        arch: ArchConfig,
    }
    /// `struct xen_domctl_max_mem`.
    struct MaxMem [8] { max_memkb: u64 }
    /// `struct xen_domctl_max_vcpus`.
    struct MaxVcpus [4] { max: u32 }
    /// `struct xen_domctl_tsc_info`.
    struct TscInfo [24] { tsc_mode: u32, gtsc_khz: u32, incarnation: u32, pad: u32, elapsed_nsec: u64 }
    /// `struct xen_domctl_hvmcontext`.
    struct HvmContext [16] { size: u32, pad: u32, buffer: u64 }
    /// `struct xen_domctl_paging_mempool` (since 4.17).
    struct PagingMempool [8] { size: u64 }
    /// `struct xen_domctl_shadow_op`.
    struct ShadowOp [40] { op: u32, mode: u32, mb: u32, pad: u32, dirty_bitmap: u64, pages: u64, stats: [u32; 2] }
    /// `struct xen_domctl_cpu_policy`.
    struct CpuPolicy [40] {
        nr_leaves: u32,
        nr_msrs: u32,
        leaves: u64,
        msrs: u64,
        err_leaf: u32,
        err_subleaf: u32,
        err_msr: u32,
        pad: u32,
    }
    /// `xen_cpuid_leaf_t`.
    struct CpuidLeaf [24] { leaf: u32, subleaf: u32, a: u32, b: u32, c: u32, d: u32 }
    /// `xen_msr_entry_t`.
    struct MsrEntry [16] { idx: u32, flags: u32, val: u64 }

    /// `struct xen_sysctl_physinfo`.
    struct PhysInfo [112] {
        threads_per_core: u32,
        cores_per_socket: u32,
        nr_cpus: u32,
        max_cpu_id: u32,
        nr_nodes: u32,
        max_node_id: u32,
        cpu_khz: u32,
        capabilities: u32,
        arch_capabilities: u32,
        pad: u32,
        total_pages: u64,
        free_pages: u64,
        scrub_pages: u64,
        outstanding_pages: u64,
        max_mfn: u64,
        hw_cap: [u32; 8],
    }
    /// The same in 4.16.
    struct PhysInfo16 [104] {
        cpus: [u32; 8],
        total_pages: u64,
        free_pages: u64,
        scrub_pages: u64,
        outstanding_pages: u64,
        max_mfn: u64,
        hw_cap: [u32; 8],
    }
    /// `struct xen_sysctl_getdomaininfolist`.
    struct GetDomainInfoList [24] {
        first_domain: u16,
        pad: u16,
        max_domains: u32,
        buffer: u64,
        num_domains: u32,
        pad2: u32,
    }
    /// `struct xen_sysctl_cpu_policy`.
    struct SystemCpuPolicy [32] { index: u32, nr_leaves: u32, nr_msrs: u32, reserved: u32, leaves: u64, msrs: u64 }

    /// `struct xen_memory_reservation`.
    struct MemoryReservation [32] {
        extent_start: u64,
        nr_extents: u64,
        extent_order: u32,
        mem_flags: u32,
        domid: u16,
        pad: [u16; 3],
    }
    /// `struct xen_add_to_physmap`.
    struct AddToPhysmap [24] { domid: u16, size: u16, space: u32, idx: u64, gpfn: u64 }

    /// `struct gnttab_query_size`.
    struct QuerySize [16] { dom: u16, pad: u16, nr_frames: u32, max_nr_frames: u32, status: i16, pad2: u16 }

    /// `struct evtchn_alloc_unbound`.
    struct AllocUnbound [8] { dom: u16, remote_dom: u16, port: u32 }
    /// `struct xen_hvm_param`.
    struct HvmParam [16] { domid: u16, pad: u16, index: u32, value: u64 }

    /// `struct xen_dm_op` with a `struct xen_dm_op_set_mem_type` in it.
    struct SetMemType [24] { op: u32, op_pad: u32, nr: u32, mem_type: u16, pad: u16, first_pfn: u64 }
    /// `struct xen_dm_op_buf`.
    struct DmOpBuffer [16] { h: u64, size: u64 }

    /// `struct hvm_save_descriptor`.
    struct SaveDescriptor [8] { typecode: u16, instance: u16, length: u32 }
    /// `struct hvm_hw_mtrr`.
    struct HwMtrr [240] { pat: u64, var: [u64; 16], fixed: [u64; 11], cap: u64, def_type: u64 }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
