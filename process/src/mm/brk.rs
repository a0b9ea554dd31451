//! The program break.

use abi::errno::SysResult;
use platform::{Backing, Platform, Prot};

use crate::mempolicy::Policy;

use super::space::{AddressSpace, in_ranges};
use super::vma::{OnFork, Source, Totals, Vma, page_up};

impl AddressSpace {
    /// Sets where the heap starts (exec).
    pub fn set_brk_start(&self, at: usize) {
        let mut st = self.state.lock();
        st.brk_start = at;
        st.brk_end = at;
    }

    /// brk(2) as the kernel has it: gives the break that holds afterwards, the old one if the wish cannot be met.
    pub fn brk(&self, pf: &dyn Platform, wish: usize, data_limit: u64) -> SysResult<usize> {
        let mut st = self.state.lock();
        let old = st.brk_end;
        if wish < st.brk_start || (wish - st.brk_start) as u64 > data_limit {
            return Ok(old);
        }
        let (Some(old_top), Some(new_top)) = (page_up(old), page_up(wish)) else { return Ok(old) };
        if new_top > old_top {
            let len = new_top - old_top;
            let prot = Prot::READ | Prot::WRITE;
            let source = Source::Anon("[heap]");
            let more = Totals::of(len, &source, prot, false);
            if self.may_expand(&st, more, Totals::default()).is_err()
                || !in_ranges(pf, old_top, len)
                || !st.vmas.is_free(old_top, new_top)
                || pf.map(old_top, len, prot, Backing::Anon).is_err()
            {
                return Ok(old);
            }
            let locked = st.lock_future;
            st.vmas.insert(
                old_top,
                Vma {
                    end: new_top,
                    prot,
                    max_prot: Prot::all(),
                    shared: false,
                    on_fork: OnFork::Keep,
                    locked,
                    policy: Policy::default(),
                    source,
                },
            );
        } else if new_top < old_top {
            if pf.unmap(new_top, old_top - new_top).is_err() {
                return Ok(old);
            }
            st.vmas.remove(new_top, old_top);
        }
        st.brk_end = wish;
        Ok(wish)
    }
}
