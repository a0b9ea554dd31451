//! What the platform's patching of system-call sites asks of the address space.

use platform::machine::{CodeSpace, TRAMPOLINES_LEN};
use platform::{Backing, Platform, Prot};

use crate::mempolicy::Policy;

use super::space::AddressSpace;
use super::vma::{OnFork, Source, Vma};

/// Farthest that trampolines may be from the code that jumps to them.
const REACH: usize = 0x3fff_0000;

/// The address space as the platform's patcher sees it.
pub struct Code<'a> {
    pub mm: &'a AddressSpace,
    pub platform: &'a dyn Platform,
}

impl CodeSpace for Code<'_> {
    fn private_rights(&self, addr: usize) -> Option<Prot> {
        self.mm.with(|v| v.at(addr).filter(|(_, m)| !m.shared).map(|(_, m)| m.prot))
    }

    fn trampolines_near(&mut self, addr: usize) -> Option<usize> {
        let (start, end) = *self.platform.app_ranges().iter().find(|(s, e)| addr >= *s && addr < *e)?;
        let low = start.max(addr.saturating_sub(REACH));
        let high = end.min(addr.saturating_add(REACH));
        let mut st = self.mm.state.lock();
        // Room for the place itself and for aligning it. Behind the code first: in front of it lies what was mapped
        // later, or for a fixed program, nothing.
        let room = 2 * TRAMPOLINES_LEN;
        let behind = st.vmas.find_gap_down(low, addr, room);
        let gap = behind.or_else(|| st.vmas.find_gap_down(addr, high, room))?;
        let at = gap.next_multiple_of(TRAMPOLINES_LEN);
        let prot = Prot::READ | Prot::EXEC;
        self.platform.map(at, TRAMPOLINES_LEN, prot, Backing::Anon).ok()?;
        let end = at + TRAMPOLINES_LEN;
        let source = Source::Anon("[syscalls]");
        st.vmas.insert(
            at,
            Vma {
                end,
                prot,
                max_prot: Prot::all(),
                shared: false,
                on_fork: OnFork::Keep,
                locked: false,
                policy: Policy::default(),
                source,
            },
        );
        Some(at)
    }
}
