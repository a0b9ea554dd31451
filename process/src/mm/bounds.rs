//! How large an address space may get: RLIMIT_AS and RLIMIT_DATA (getrlimit(2)), and the member's own memory limit.

use abi::errno::{Errno, SysResult};
use abi::process::{RLIM_INFINITY, RLIMIT_AS, RLIMIT_DATA};
use core::sync::atomic::Ordering;

use super::space::{AddressSpace, State};
use super::vma::Totals;
use crate::kernel::current;

impl AddressSpace {
    /// Linux's may_expand_vm: ENOMEM if `more` in place of `gone` (which is mapped now) passes a limit. The limits are
    /// those of the process that asks, which need not be the only one here.
    pub(super) fn may_expand(&self, st: &State, more: Totals, gone: Totals) -> SysResult<()> {
        let member = self.limit.load(Ordering::Relaxed);
        let (space, data) = {
            let limits = *current().process.rlimits.lock();
            let (soft, hard) = limits[RLIMIT_DATA as usize];
            // A soft limit of 0 stands for the hard one: how Valgrind keeps brk to itself.
            (limits[RLIMIT_AS as usize].0, if soft == 0 { hard } else { soft })
        };
        if (member, space, data) == (0, RLIM_INFINITY, RLIM_INFINITY) {
            return Ok(());
        }
        let now = st.vmas.totals();
        let within = |now: usize, more: usize, gone: usize, limit: u64| {
            more == 0 || (now.saturating_sub(gone).saturating_add(more)) as u64 <= limit
        };
        let member = if member == 0 { u64::MAX } else { member };
        let fits = within(now.all, more.all, gone.all, space)
            && within(now.data, more.data, gone.data, data)
            && within(now.private, more.private, gone.private, member);
        if fits { Ok(()) } else { Err(Errno::ENOMEM) }
    }
}
