//! Domains: creation, limits, the list, running and the end. All of this is XEN_DOMCTL_* and XEN_SYSCTL_*
//! (xen/include/public/domctl.h, sysctl.h).

use std::fmt;

use zerocopy::IntoBytes;

use crate::Result;
use crate::control::{Domctl, Sysctl};
use crate::hypercall::Xen;
use crate::wire::{self, DomctlVersion, GetDomainInfo, SysctlVersion};

/// A domain's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomId(pub u16);

impl DomId {
    /// The control domain.
    pub const DOM0: DomId = DomId(0);
    /// Whoever asks.
    pub const SELF: DomId = DomId(0x7ff0);
}

impl fmt::Display for DomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The operations used here.
mod op {
    pub const CREATE: u32 = 1;
    pub const DESTROY: u32 = 2;
    pub const PAUSE: u32 = 3;
    pub const UNPAUSE: u32 = 4;
    pub const GET_INFO: u32 = 5;
    pub const SHADOW: u32 = 10;
    pub const MAX_MEM: u32 = 11;
    pub const MAX_VCPUS: u32 = 15;
    pub const SET_TSC: u32 = 60;
    pub const SET_PAGING_MEMPOOL: u32 = 86;
    pub const SYS_PHYSINFO: u32 = 3;
    pub const SYS_LIST: u32 = 6;
}

/// XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap.
const FLAGS_PVH: u32 = 1 | 2;
/// XEN_X86_EMU_LAPIC: the one emulated device of a PVH domain.
const EMULATE_LAPIC: u32 = 1;
/// XEN_DOMCTL_GRANT_version(1): only the toolstack writes entries, and it writes the small ones.
const GRANT_VERSION: u32 = 1;
/// XEN_DOMCTL_SHADOW_OP_SET_ALLOCATION.
const SHADOW_SET_ALLOCATION: u32 = 31;
/// TSC_MODE_NEVER_EMULATE, xl's `tsc_mode="native"`.
const TSC_NATIVE: u32 = 2;

/// Domains that are listed with one call.
const AT_ONCE: usize = 128;

/// What a new domain is like. PVH with hardware-assisted paging, always.
#[derive(Clone, Debug)]
pub struct DomainConfig {
    /// Its UUID.
    pub uuid: [u8; 16],
    /// How many vCPUs it may have.
    pub max_vcpus: u32,
    /// Its highest event channel.
    pub max_event_port: u32,
    /// Frames of its grant table at most (512 entries each); None: Xen's `gnttab_max_frames`.
    pub max_grant_frames: Option<u32>,
    /// Frames for its mappings of others' grants at most; None: Xen's `gnttab_max_maptrack_frames`.
    pub max_maptrack_frames: Option<u32>,
}

impl Default for DomainConfig {
    fn default() -> DomainConfig {
        DomainConfig {
            uuid: [0; 16],
            max_vcpus: 1,
            max_event_port: 1023,
            max_grant_frames: None,
            max_maptrack_frames: None,
        }
    }
}

/// What Xen knows of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DomainInfo {
    /// Its number.
    pub id: DomId,
    /// XEN_DOMINF_*.
    pub flags: u32,
    /// Pages that it has.
    pub pages: u64,
    /// Pages that it may have.
    pub max_pages: u64,
    /// Nanoseconds that it has run.
    pub cpu_time: u64,
    /// Its UUID.
    pub uuid: [u8; 16],
}

impl DomainInfo {
    /// Being destroyed; or destroyed and kept by pages that others still have mapped.
    pub fn is_dying(&self) -> bool {
        self.flags & 1 != 0
    }

    /// Paused by the toolstack.
    pub fn is_paused(&self) -> bool {
        self.flags & 8 != 0
    }

    /// Why the guest shut itself down, if it did: SHUTDOWN_poweroff (0), _reboot (1), _crash (3), ...
    pub fn shutdown(&self) -> Option<u8> {
        (self.flags & 4 != 0).then_some((self.flags >> 16) as u8)
    }
}

impl From<GetDomainInfo> for DomainInfo {
    fn from(info: GetDomainInfo) -> DomainInfo {
        DomainInfo {
            id: DomId(info.domain),
            flags: info.flags,
            pages: info.tot_pages,
            max_pages: info.max_pages,
            cpu_time: info.cpu_time,
            uuid: info.handle,
        }
    }
}

/// The memory of the host, in pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostMemory {
    /// All.
    pub total: u64,
    /// Free, or waiting to be scrubbed.
    pub free: u64,
}

impl Xen {
    /// Creates a domain: paused, without vCPUs and memory.
    pub fn create_domain(&self, config: &DomainConfig) -> Result<DomId> {
        let version = self.domctl_version();
        // DOMID_ANY, or in older versions 0, leaves the choice to Xen.
        let wanted = DomId(if version >= DomctlVersion::V4_22 { 0x7ff5 } else { 0 });
        let call =
            Domctl { xen: self, version, cmd: op::CREATE, name: "XEN_DOMCTL_createdomain", domain: None };
        call.run_for(wanted, |_| create_payload(version, config), |_, head, _| DomId(head.domain))
    }

    /// Gives the domain its vCPUs.
    pub fn set_max_vcpus(&self, domain: DomId, max: u32) -> Result<()> {
        self.domctl(op::MAX_VCPUS, "XEN_DOMCTL_max_vcpus", domain).set(&wire::MaxVcpus { max })
    }

    /// Limits the domain's memory.
    pub fn set_max_pages(&self, domain: DomId, pages: u64) -> Result<()> {
        let max_memkb = pages.saturating_mul(4);
        self.domctl(op::MAX_MEM, "XEN_DOMCTL_max_mem", domain).set(&wire::MaxMem { max_memkb })
    }

    /// Sets how much Xen keeps for the domain's second-level page tables. A domain starts with 1 MiB; with too little,
    /// populating fails with ENOMEM. Xen 4.16 counts in whole MiB.
    pub fn set_paging_pool(&self, domain: DomId, bytes: u64) -> Result<()> {
        if self.domctl_version() >= DomctlVersion::V4_17 {
            let size = bytes.next_multiple_of(crate::PAGE as u64);
            let call = self.domctl(op::SET_PAGING_MEMPOOL, "XEN_DOMCTL_set_paging_mempool_size", domain);
            return call.set(&wire::PagingMempool { size });
        }
        let mb = bytes.div_ceil(1 << 20).min(u32::MAX.into()) as u32;
        let payload = wire::ShadowOp { op: SHADOW_SET_ALLOCATION, mb, ..Default::default() };
        self.domctl(op::SHADOW, "XEN_DOMCTL_shadow_op", domain).set(&payload)
    }

    /// Lets RDTSC run without a trap.
    pub fn set_tsc_native(&self, domain: DomId) -> Result<()> {
        let payload = wire::TscInfo { tsc_mode: TSC_NATIVE, ..Default::default() };
        self.domctl(op::SET_TSC, "XEN_DOMCTL_settscinfo", domain).set(&payload)
    }

    /// Pauses the domain's vCPUs. Counted: each pause wants its unpause.
    pub fn pause(&self, domain: DomId) -> Result<()> {
        self.domctl(op::PAUSE, "XEN_DOMCTL_pausedomain", domain).set(&[0_u8; 0])
    }

    /// Takes one pause back; a new domain has one.
    pub fn unpause(&self, domain: DomId) -> Result<()> {
        self.domctl(op::UNPAUSE, "XEN_DOMCTL_unpausedomain", domain).set(&[0_u8; 0])
    }

    /// Destroys the domain and gives its memory back. A domain of which others still have pages mapped stays in the
    /// list, dying, until they let go. ESRCH if there is none.
    pub fn destroy(&self, domain: DomId) -> Result<()> {
        loop {
            // Xen stops now and then to let others have the CPU, and wants to be asked again.
            match self.domctl(op::DESTROY, "XEN_DOMCTL_destroydomain", domain).set(&[0_u8; 0]) {
                Err(error) if matches!(error.errno(), Some(libc::EAGAIN | libc::EBUSY | libc::EINTR)) => {}
                outcome => return outcome,
            }
        }
    }

    /// One domain; None if there is no such.
    pub fn domain_info(&self, domain: DomId) -> Result<Option<DomainInfo>> {
        match get_info(self, self.domctl_version(), domain) {
            // Older hypervisors give the next one that there is.
            Ok(info) if info.domain == domain.0 => Ok(Some(info.into())),
            Ok(_) => Ok(None),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All domains, by number. Those that are dying are among them.
    pub fn domains(&self) -> Result<Vec<DomainInfo>> {
        let mut all: Vec<DomainInfo> = Vec::new();
        loop {
            let first = all.last().map_or(0, |info| info.id.0 + 1);
            let some = self.domains_from(first)?;
            let is_last = some.len() < AT_ONCE;
            all.extend(some);
            if is_last {
                return Ok(all);
            }
        }
    }

    fn domains_from(&self, first: u16) -> Result<Vec<DomainInfo>> {
        let (version, name) = (self.sysctl_version(), "XEN_SYSCTL_getdomaininfolist");
        let call = Sysctl { xen: self, version, cmd: op::SYS_LIST, name };
        call.run(
            |arguments| {
                let list = arguments.space(AT_ONCE * size_of::<GetDomainInfo>());
                let buffer = arguments.address(list);
                let max_domains = AT_ONCE as u32;
                wire::GetDomainInfoList { first_domain: first, max_domains, buffer, ..Default::default() }
            },
            |arguments, answer| {
                let count = (answer.num_domains as usize).min(AT_ONCE);
                let list = arguments.at_address(answer.buffer);
                let item = |i| list.behind(i * size_of::<GetDomainInfo>());
                (0..count).map(|i| arguments.get::<GetDomainInfo>(item(i)).into()).collect()
            },
        )
    }

    /// How much memory the host has.
    pub fn host_memory(&self) -> Result<HostMemory> {
        physical_info(self, self.sysctl_version())
    }
}

/// XEN_DOMCTL_getdomaininfo in one version of the interface.
pub(crate) fn get_info(xen: &Xen, version: DomctlVersion, domain: DomId) -> Result<GetDomainInfo> {
    let name = "XEN_DOMCTL_getdomaininfo";
    let call = Domctl { xen, version, cmd: op::GET_INFO, name, domain: Some(domain) };
    call.get(&GetDomainInfo::default())
}

/// XEN_SYSCTL_physinfo in one version of the interface.
pub(crate) fn physical_info(xen: &Xen, version: SysctlVersion) -> Result<HostMemory> {
    let call = Sysctl { xen, version, cmd: op::SYS_PHYSINFO, name: "XEN_SYSCTL_physinfo" };
    let (total, free) = if version > SysctlVersion::OLDEST {
        call.run(
            |_| wire::PhysInfo::default(),
            |_, info| (info.total_pages, info.free_pages + info.scrub_pages),
        )?
    } else {
        call.run(
            |_| wire::PhysInfo16::default(),
            |_, info| (info.total_pages, info.free_pages + info.scrub_pages),
        )?
    };
    Ok(HostMemory { total, free })
}

/// `struct xen_domctl_createdomain` as a version has it.
fn create_payload(version: DomctlVersion, config: &DomainConfig) -> Vec<u8> {
    let frames = |limit: Option<u32>| limit.map_or(-1, |frames| frames.min(i32::MAX as u32) as i32);
    let head = wire::CreateHead {
        handle: config.uuid,
        flags: FLAGS_PVH,
        max_vcpus: config.max_vcpus,
        max_evtchn_port: config.max_event_port,
        max_grant_frames: frames(config.max_grant_frames),
        max_maptrack_frames: frames(config.max_maptrack_frames),
        grant_opts: GRANT_VERSION,
        ..Default::default()
    };
    let arch = wire::ArchConfig { emulation_flags: EMULATE_LAPIC, misc_flags: 0 };
    let mut payload = head.as_bytes().to_vec();
    if version >= DomctlVersion::V4_19 {
        payload.extend(wire::CreateTail19 { arch, ..Default::default() }.as_bytes());
    } else if version >= DomctlVersion::V4_17 {
        payload.extend(wire::CreateTail17 { arch, ..Default::default() }.as_bytes());
    } else {
        payload.extend(wire::CreateTail16 { arch, ..Default::default() }.as_bytes());
    }
    payload
}
