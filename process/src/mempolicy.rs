//! NUMA memory policies, set_mempolicy(2): a member has one node, so that a policy is checked, kept and told, and moves
//! nothing.

use abi::errno::{Errno, SysResult};
use abi::mm::*;

/// The nodes that there are, as a bit set.
pub const NODES: u64 = 1;

const MODE_FLAGS: u32 = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES | MPOL_F_NUMA_BALANCING;
const USER_NODES: u32 = MPOL_F_STATIC_NODES | MPOL_F_RELATIVE_NODES;

/// A policy; the default one is that of whoever has set none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    mode: u32,
    flags: u32,
    nodes: u64,
}

impl Policy {
    /// The policy that a program asks for; EINVAL for what Linux refuses on a machine of one node.
    pub fn asked(mode: u32, nodes: u64) -> SysResult<Self> {
        let (mut mode, flags) = (mode & !MODE_FLAGS, mode & MODE_FLAGS);
        let balanced = matches!(mode, MPOL_BIND | MPOL_PREFERRED_MANY);
        let user = flags & USER_NODES;
        if mode > MPOL_WEIGHTED_INTERLEAVE
            || user == USER_NODES
            || (flags & MPOL_F_NUMA_BALANCING != 0 && !balanced)
        {
            return Err(Errno::EINVAL);
        }
        match mode {
            MPOL_DEFAULT if nodes == 0 => return Ok(Self::default()),
            MPOL_PREFERRED if nodes == 0 && user == 0 => mode = MPOL_LOCAL,
            MPOL_LOCAL if nodes == 0 && user == 0 => {}
            MPOL_DEFAULT | MPOL_LOCAL => return Err(Errno::EINVAL),
            _ if nodes == 0 => return Err(Errno::EINVAL),
            _ => {}
        }
        // Relative numbers are folded onto the nodes that there are.
        let usable = if flags & MPOL_F_RELATIVE_NODES != 0 { NODES } else { nodes & NODES };
        if mode != MPOL_LOCAL && usable == 0 {
            return Err(Errno::EINVAL);
        }
        let nodes = match mode {
            MPOL_LOCAL => 0,
            // Such a policy tells its nodes as they were given.
            _ if user != 0 => nodes,
            _ => usable,
        };
        Ok(Self { mode, flags, nodes })
    }

    /// The mode with its flags, as get_mempolicy(2) tells it.
    pub fn mode(&self) -> u32 {
        self.mode | self.flags
    }

    /// The nodes that get_mempolicy(2) tells.
    pub fn nodes(&self) -> u64 {
        self.nodes
    }

    /// Whether pages go to the nodes in turn: then there is a next one.
    pub fn interleaves(&self) -> bool {
        matches!(self.mode, MPOL_INTERLEAVE | MPOL_WEIGHTED_INTERLEAVE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_node() {
        let asked = |mode, nodes| Policy::asked(mode, nodes).map(|p| (p.mode(), p.nodes()));
        assert_eq!(asked(MPOL_DEFAULT, 0), Ok((MPOL_DEFAULT, 0)));
        assert_eq!(asked(MPOL_DEFAULT, 1), Err(Errno::EINVAL));
        assert_eq!(asked(MPOL_BIND, 3), Ok((MPOL_BIND, 1)));
        assert_eq!(asked(MPOL_BIND, 2), Err(Errno::EINVAL));
        assert_eq!(asked(MPOL_PREFERRED, 0), Ok((MPOL_LOCAL, 0)));
        assert_eq!(
            asked(MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES, 2),
            Ok((MPOL_INTERLEAVE | MPOL_F_RELATIVE_NODES, 2))
        );
        assert_eq!(asked(MPOL_INTERLEAVE | MPOL_F_NUMA_BALANCING, 1), Err(Errno::EINVAL));
        assert_eq!(asked(7, 1), Err(Errno::EINVAL));
    }
}
