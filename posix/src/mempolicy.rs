//! NUMA memory policies of a machine with one node: set_mempolicy(2), get_mempolicy(2), mbind(2).

use abi::errno::{Errno, SysResult};
use abi::mm::*;
use abi::process::CAP_SYS_NICE;
use abi::user::UserRef;
use process::mempolicy::{NODES, Policy};
use process::mm::page_up;

use crate::arg::Addr;
use crate::cx::Cx;

crate::syscalls! {
    SYS_set_mempolicy set_mempolicy(mode: u32, nodemask: Addr, maxnode: u64) Partial "there is one node, so that a policy moves nothing" => sys_set_mempolicy;
    SYS_get_mempolicy get_mempolicy(mode: UserRef<u32>, nodemask: Addr, maxnode: u64, addr: Addr, flags: u64) Full "" => sys_get_mempolicy;
    SYS_mbind mbind(addr: Addr, length: usize, mode: u32, nodemask: Addr, maxnode: u64, flags: u32) Partial "as set_mempolicy" => sys_mbind;
}

/// Bits of the longest node mask that Linux takes.
const MAX_BITS: u64 = PAGE_SIZE as u64 * 8;
/// Nodes that Linux can have at most: further bits of a mask must be clear.
const MAX_NODES: u64 = 1024;

/// Reads a node mask of `maxnode - 1` bits. No machine here has nodes beyond the first word.
fn nodes(cx: &Cx<'_>, at: Addr, maxnode: u64) -> SysResult<u64> {
    let bits = maxnode.wrapping_sub(1);
    if bits == 0 || at.0 == 0 {
        return Ok(0);
    }
    if bits > MAX_BITS {
        return Err(Errno::EINVAL);
    }
    let mut mask = alloc::vec![0u8; bits.div_ceil(64) as usize * 8];
    cx.read_bytes(at.0, &mut mask)?;
    let (words, _) = mask.as_chunks::<8>();
    let word = |i: usize| {
        let left = bits - i as u64 * 64;
        let valid = if left >= 64 { u64::MAX } else { (1 << left) - 1 };
        u64::from_le_bytes(words[i]) & valid
    };
    let beyond = (MAX_NODES / 64) as usize;
    if (beyond..words.len()).any(|i| word(i) != 0) {
        return Err(Errno::EINVAL);
    }
    // A node further on is there as little as node 63 is.
    let far = (1..words.len().min(beyond)).any(|i| word(i) != 0);
    Ok(word(0) | if far { 1 << 63 } else { 0 })
}

/// set_mempolicy(2).
fn sys_set_mempolicy(cx: &mut Cx<'_>, mode: u32, nodemask: Addr, maxnode: u64) -> SysResult<usize> {
    let policy = Policy::asked(mode, nodes(cx, nodemask, maxnode)?)?;
    *cx.thread().policy.lock() = policy;
    Ok(0)
}

/// mbind(2).
fn sys_mbind(
    cx: &mut Cx<'_>,
    addr: Addr,
    length: usize,
    mode: u32,
    nodemask: Addr,
    maxnode: u64,
    flags: u32,
) -> SysResult<usize> {
    let nodes = nodes(cx, nodemask, maxnode)?;
    if flags & !(MPOL_MF_STRICT | MPOL_MF_MOVE | MPOL_MF_MOVE_ALL) != 0 {
        return Err(Errno::EINVAL);
    }
    if flags & MPOL_MF_MOVE_ALL != 0 && !cx.process().attrs.lock().caps.has(CAP_SYS_NICE) {
        return Err(Errno::EPERM);
    }
    if !addr.0.is_multiple_of(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let end = page_up(length).and_then(|len| addr.0.checked_add(len)).ok_or(Errno::EINVAL)?;
    if end == addr.0 {
        return Ok(0);
    }
    let policy = Policy::asked(mode, nodes)?;
    cx.process().mm.set_policy(addr.0, end, policy)?;
    Ok(0)
}

/// get_mempolicy(2).
fn sys_get_mempolicy(
    cx: &mut Cx<'_>,
    mode: UserRef<u32>,
    nodemask: Addr,
    maxnode: u64,
    addr: Addr,
    flags: u64,
) -> SysResult<usize> {
    let [node, by_address, allowed] =
        [MPOL_F_NODE, MPOL_F_ADDR, MPOL_F_MEMS_ALLOWED].map(|flag| flags & u64::from(flag) != 0);
    let known = u64::from(MPOL_F_NODE | MPOL_F_ADDR | MPOL_F_MEMS_ALLOWED);
    if (nodemask.0 != 0 && maxnode == 0)
        || flags & !known != 0
        || (allowed && (node || by_address))
        || (!by_address && !allowed && addr.0 != 0)
    {
        return Err(Errno::EINVAL);
    }
    let (told, nodes) = if allowed {
        (0, NODES)
    } else {
        let policy = match by_address {
            true => cx.process().mm.with(|v| v.at(addr.0).map(|(_, m)| m.policy)).ok_or(Errno::EFAULT)?,
            false => *cx.thread().policy.lock(),
        };
        match (node, by_address) {
            (false, _) => (policy.mode(), policy.nodes()),
            // The node of the page, which is brought in for it.
            (true, true) => {
                cx.read_bytes(addr.0, &mut [0])?;
                (0, policy.nodes())
            }
            (true, false) if policy.interleaves() => (0, policy.nodes()),
            (true, false) => return Err(Errno::EINVAL),
        }
    };
    if mode.addr() != 0 {
        cx.put(mode, &told)?;
    }
    if nodemask.0 != 0 {
        give_nodes(cx, nodemask, maxnode, nodes)?;
    }
    Ok(0)
}

/// Writes `maxnode - 1` bits, in whole words.
fn give_nodes(cx: &Cx<'_>, at: Addr, maxnode: u64, nodes: u64) -> SysResult<()> {
    let bytes = (maxnode - 1).div_ceil(64) as usize * 8;
    if bytes > PAGE_SIZE {
        return Err(Errno::EINVAL);
    }
    let mut mask = alloc::vec![0u8; bytes];
    if let Some(first) = mask.first_chunk_mut::<8>() {
        *first = nodes.to_le_bytes();
    }
    cx.write_bytes(at.0, &mask)
}
