//! The structures here against Xen's own headers, where some are at hand: Debian's libxen-dev, installed, or unpacked in
//! the lab's cache, or in the folder that `XEN_HEADERS` names (the one that has `xen/domctl.h`).

use std::env;
use std::fs;
use std::io::Write;
use std::mem::offset_of;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::*;

/// The folder with the headers.
fn headers() -> Option<PathBuf> {
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/offshoot"));
    let cache = env::var_os("OFFSHOOT_CACHE").map(PathBuf::from).or(home);
    let roots =
        cache.and_then(|cache| fs::read_dir(cache.join("roots")).ok()).into_iter().flatten().flatten();
    let unpacked = roots.map(|root| root.path().join("usr/include"));
    let named = env::var_os("XEN_HEADERS").map(PathBuf::from);
    named
        .into_iter()
        .chain([PathBuf::from("/usr/include")])
        .chain(unpacked)
        .find(|dir| dir.join("xen/domctl.h").is_file())
}

/// A line of C that prints a name and a number, and the number that is right.
struct Check {
    c: String,
    ours: usize,
}

macro_rules! checks {
    ($($ours:ident = $theirs:literal { $($field:ident = $their_field:literal),* })*) => {
        vec![$(
            Check { c: format!("sizeof({})", $theirs), ours: size_of::<$ours>() },
            $(Check { c: format!("offsetof({}, {})", $theirs, $their_field), ours: offset_of!($ours, $field) },)*
        )*]
    };
}

fn all() -> Vec<Check> {
    checks! {
        GetDomainInfo = "struct xen_domctl_getdomaininfo" {
            flags = "flags", tot_pages = "tot_pages", max_pages = "max_pages", cpu_time = "cpu_time",
            handle = "handle", arch = "arch_config"
        }
        MaxMem = "struct xen_domctl_max_mem" { max_memkb = "max_memkb" }
        MaxVcpus = "struct xen_domctl_max_vcpus" { max = "max" }
        TscInfo = "struct xen_domctl_tsc_info" { tsc_mode = "tsc_mode", elapsed_nsec = "elapsed_nsec" }
        HvmContext = "struct xen_domctl_hvmcontext" { size = "size", buffer = "buffer" }
        PagingMempool = "struct xen_domctl_paging_mempool" { size = "size" }
        ShadowOp = "struct xen_domctl_shadow_op" { mb = "mb", dirty_bitmap = "dirty_bitmap" }
        CpuPolicy = "struct xen_domctl_cpu_policy" { leaves = "leaves", msrs = "msrs", err_leaf = "err_leaf" }
        CpuidLeaf = "xen_cpuid_leaf_t" { subleaf = "subleaf", a = "a", d = "d" }
        MsrEntry = "xen_msr_entry_t" { val = "val" }
        PhysInfo = "struct xen_sysctl_physinfo" {
            total_pages = "total_pages", free_pages = "free_pages", scrub_pages = "scrub_pages"
        }
        GetDomainInfoList = "struct xen_sysctl_getdomaininfolist" {
            max_domains = "max_domains", buffer = "buffer", num_domains = "num_domains"
        }
        MemoryReservation = "struct xen_memory_reservation" {
            nr_extents = "nr_extents", extent_order = "extent_order", domid = "domid"
        }
        AddToPhysmap = "struct xen_add_to_physmap" { space = "space", idx = "idx", gpfn = "gpfn" }
        QuerySize = "struct gnttab_query_size" {
            nr_frames = "nr_frames", max_nr_frames = "max_nr_frames", status = "status"
        }
        AllocUnbound = "struct evtchn_alloc_unbound" { remote_dom = "remote_dom", port = "port" }
        HvmParam = "struct xen_hvm_param" { index = "index", value = "value" }
        SaveDescriptor = "struct hvm_save_descriptor" { instance = "instance", length = "length" }
        HwMtrr = "struct hvm_hw_mtrr" { def_type = "msr_mtrr_def_type" }
    }
}

#[test]
fn structures_are_as_in_xens_headers() {
    let Some(headers) = headers() else {
        eprintln!("no Xen headers here: install or unpack Debian's libxen-dev");
        return;
    };
    let mut checks = all();
    let more = |c: &str, ours| Check { c: c.to_owned(), ours };
    checks.push(more("offsetof(struct xen_domctl, u)", size_of::<DomctlHead>()));
    checks.push(more("sizeof(struct xen_domctl)", size_of::<DomctlHead>() + UNION));
    checks.push(more("offsetof(struct xen_sysctl, u)", size_of::<SysctlHead>()));
    checks.push(more("sizeof(struct xen_sysctl)", size_of::<SysctlHead>() + UNION));
    let union = offset_of!(SetMemType, nr);
    checks.push(more("offsetof(struct xen_dm_op, u)", union));
    let fields =
        [("mem_type", offset_of!(SetMemType, mem_type)), ("first_pfn", offset_of!(SetMemType, first_pfn))];
    for (field, ours) in fields {
        checks.push(more(&format!("offsetof(struct xen_dm_op_set_mem_type, {field})"), ours - union));
    }
    checks.push(more("sizeof(struct xen_dm_op_buf)", size_of::<DmOpBuffer>()));
    checks.push(more("offsetof(struct hvm_hw_cpu, rip)", 640));
    checks.push(more("sizeof(struct hvm_hw_cpu)", 1032));
    checks.push(more("offsetof(struct xen_domctl_createdomain, vmtrace_size)", usize::MAX));
    let lines: String =
        checks.iter().map(|check| format!("printf(\"%zu\\n\", (size_t)({}));\n", check.c)).collect();
    let program = format!(
        "#include <stddef.h>\n#include <stdint.h>\n#include <stdio.h>\n#define __XEN_TOOLS__ 1\n#include <xen/xen.h>\n\
         #include <xen/domctl.h>\n#include <xen/sysctl.h>\n#include <xen/memory.h>\n#include <xen/grant_table.h>\n#include <xen/event_channel.h>\n\
         #include <xen/hvm/hvm_op.h>\n#include <xen/hvm/dm_op.h>\n#include <xen/hvm/save.h>\n\
         int main(void) {{\n{lines}printf(\"%zu\\n\", sizeof(struct xen_domctl_createdomain));\n\
         printf(\"%d\\n\", XEN_DOMCTL_INTERFACE_VERSION);\n}}\n"
    );
    let dir = env::temp_dir().join(format!("xenctl-headers-{}", std::process::id()));
    let mut compiler = Command::new("cc");
    compiler.args(["-x", "c", "-w", "-", "-o"]).arg(&dir).arg("-I").arg(&headers).stdin(Stdio::piped());
    let Ok(mut child) = compiler.spawn() else { return };
    child.stdin.take().unwrap().write_all(program.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "the headers in {} do not compile", headers.display());
    let output = Command::new(&dir).output().unwrap();
    fs::remove_file(&dir).unwrap();
    let numbers: Vec<usize> =
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    let (create, version) = (numbers[checks.len()], DomctlVersion(numbers[checks.len() + 1] as u32));
    let (tail, before) = match version {
        DomctlVersion::V4_16 => (size_of::<CreateTail16>(), 0),
        version if version < DomctlVersion::V4_19 => (size_of::<CreateTail17>(), 0),
        _ => (size_of::<CreateTail19>(), 4),
    };
    assert_eq!(create, size_of::<CreateHead>() + tail);
    for (check, theirs) in checks.iter().zip(numbers) {
        let ours = if check.ours == usize::MAX { size_of::<CreateHead>() + before } else { check.ours };
        assert_eq!(ours, theirs, "{}", check.c);
    }
}
