//! Xen's public interface as far as the crate `xen-sys` lacks it (`xen/include/public`: memory.h, grant_table.h, vcpu.h,
//! hvm/params.h, hvm/hvm_op.h, xen.h). Numbers that it has come from there.

use static_assertions::const_assert_eq;

/// Oneself, where a domain is to be named.
pub const DOMID_SELF: u16 = 0x7ff0;

/// `XENMEM_decrease_reservation`.
pub const XENMEM_DECREASE_RESERVATION: u64 = 1;
/// `XENMEM_populate_physmap`.
pub const XENMEM_POPULATE_PHYSMAP: u64 = 6;
/// `XENMEM_add_to_physmap`.
pub const XENMEM_ADD_TO_PHYSMAP: u64 = 7;
/// `XENMAPSPACE_shared_info`.
pub const XENMAPSPACE_SHARED_INFO: u32 = 0;

/// `struct xen_memory_reservation`.
#[repr(C)]
pub struct MemoryReservation {
    pub extent_start: *const u64,
    pub nr_extents: u64,
    pub extent_order: u32,
    pub mem_flags: u32,
    pub domid: u16,
}
const_assert_eq!(size_of::<MemoryReservation>(), 32);

/// `struct xen_add_to_physmap`.
#[repr(C)]
pub struct AddToPhysmap {
    pub domid: u16,
    pub size: u16,
    pub space: u32,
    pub idx: u64,
    pub gpfn: u64,
}
const_assert_eq!(size_of::<AddToPhysmap>(), 24);

/// `GNTTABOP_map_grant_ref`.
pub const GNTTABOP_MAP_GRANT_REF: u64 = 0;
/// `GNTTABOP_unmap_grant_ref`.
pub const GNTTABOP_UNMAP_GRANT_REF: u64 = 1;
/// `GNTTABOP_copy`.
pub const GNTTABOP_COPY: u64 = 5;
/// `GNTMAP_host_map`.
pub const GNTMAP_HOST_MAP: u32 = 2;
/// `GNTMAP_readonly`.
pub const GNTMAP_READONLY: u32 = 4;
/// `GNTCOPY_source_gref`.
pub const GNTCOPY_SOURCE_GREF: u16 = 1;

/// `struct gnttab_map_grant_ref`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct MapGrantRef {
    pub host_addr: u64,
    pub flags: u32,
    pub gref: u32,
    pub dom: u16,
    pub status: i16,
    pub handle: u32,
    pub dev_bus_addr: u64,
}
const_assert_eq!(size_of::<MapGrantRef>(), 32);

/// `struct gnttab_unmap_grant_ref`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct UnmapGrantRef {
    pub host_addr: u64,
    pub dev_bus_addr: u64,
    pub handle: u32,
    pub status: i16,
}
const_assert_eq!(size_of::<UnmapGrantRef>(), 24);

/// `struct gnttab_copy_ptr`: a grant reference or a frame number.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct CopyPtr {
    pub page: u64,
    pub domid: u16,
    pub offset: u16,
}
const_assert_eq!(size_of::<CopyPtr>(), 16);

/// `struct gnttab_copy`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub struct GrantCopy {
    pub source: CopyPtr,
    pub dest: CopyPtr,
    pub len: u16,
    pub flags: u16,
    pub status: i16,
}
const_assert_eq!(size_of::<GrantCopy>(), 40);

/// `VCPUOP_get_runstate_info`.
pub const VCPUOP_GET_RUNSTATE_INFO: u64 = 4;
/// `VCPUOP_set_singleshot_timer`.
pub const VCPUOP_SET_SINGLESHOT_TIMER: u64 = 8;
/// `VCPUOP_stop_singleshot_timer`.
pub const VCPUOP_STOP_SINGLESHOT_TIMER: u64 = 9;

/// `struct vcpu_runstate_info`: times in ns as running, runnable, blocked, offline.
#[repr(C)]
#[derive(Default)]
pub struct RunstateInfo {
    pub state: i32,
    pub state_entry_time: u64,
    pub time: [u64; 4],
}
const_assert_eq!(size_of::<RunstateInfo>(), 48);

/// `struct vcpu_set_singleshot_timer`.
#[repr(C)]
pub struct SingleshotTimer {
    pub timeout_abs_ns: u64,
    pub flags: u32,
}
const_assert_eq!(size_of::<SingleshotTimer>(), 16);

/// `HVMOP_set_param`.
pub const HVMOP_SET_PARAM: u64 = 0;
/// `HVM_PARAM_CALLBACK_IRQ`.
pub const HVM_PARAM_CALLBACK_IRQ: u32 = 0;
/// Its value for delivery by vector: the type in the top byte.
pub const CALLBACK_BY_VECTOR: u64 = 2 << 56;

/// `struct xen_hvm_param`.
#[repr(C)]
pub struct HvmParam {
    pub domid: u16,
    pub pad: u16,
    pub index: u32,
    pub value: u64,
}
const_assert_eq!(size_of::<HvmParam>(), 16);

/// Offsets in `struct shared_info` and in its first `struct vcpu_info`.
pub mod shared_info {
    /// `vcpu_info[0].evtchn_upcall_pending` (a byte).
    pub const UPCALL_PENDING: usize = 0;
    /// `vcpu_info[0].evtchn_pending_sel`.
    pub const PENDING_SEL: usize = 8;
    /// `vcpu_info[0].time`: version, then TSC, nanoseconds, multiplier, shift.
    pub const TIME: usize = 32;
    /// `evtchn_pending[64]`.
    pub const PENDING: usize = 2048;
    /// `wc_version`, `wc_sec`, `wc_nsec`, `wc_sec_hi`.
    pub const WALL: usize = 3072;
    /// Words of `evtchn_pending`.
    pub const WORDS: usize = 64;
}
