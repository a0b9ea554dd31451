//! The registers of a domain's vCPU, for reports (`struct hvm_hw_cpu`, xen/include/public/arch-x86/hvm/save.h).

use crate::{DomId, Error, Result, Xen};

/// HVM_SAVE_CODE(CPU).
const CPU: u16 = 2;
/// Bytes of the FPU's state in front of the registers.
const FPU: usize = 512;

/// What a report tells of a vCPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp, r8 to r15.
    pub general: [u64; 16],
    /// Where it runs.
    pub rip: u64,
    /// Its flags.
    pub rflags: u64,
    /// The address of the last page fault.
    pub cr2: u64,
    /// The root of its page tables.
    pub cr3: u64,
}

impl Registers {
    /// The stack pointer.
    pub fn rsp(&self) -> u64 {
        self.general[7]
    }

    /// From a whole HVM context; none when it has no vCPU's record.
    pub fn of_context(context: &[u8]) -> Option<Registers> {
        let mut rest = context;
        loop {
            let (kind, after) = rest.split_first_chunk::<2>()?;
            let (len, after) = after.get(2..)?.split_first_chunk::<4>()?;
            let (record, next) = after.split_at_checked(u32::from_le_bytes(*len) as usize)?;
            if u16::from_le_bytes(*kind) == CPU {
                let (words, _) = record.get(FPU..)?.as_chunks::<8>();
                let word = |i: usize| words.get(i).map(|w| u64::from_le_bytes(*w));
                let mut general = [0; 16];
                for (i, register) in general.iter_mut().enumerate() {
                    *register = word(i)?;
                }
                // rip, rflags, cr0, cr2, cr3.
                return Some(Registers {
                    general,
                    rip: word(16)?,
                    rflags: word(17)?,
                    cr2: word(19)?,
                    cr3: word(20)?,
                });
            }
            rest = next;
        }
    }
}

impl Xen {
    /// The registers of the first vCPU.
    pub fn registers(&self, domain: DomId) -> Result<Registers> {
        let missing =
            || Error::Call { name: "XEN_DOMCTL_gethvmcontext", domain: Some(domain), errno: libc::ENODATA };
        Registers::of_context(&self.hvm_context(domain)?).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_behind_others() {
        let mut context = vec![1, 0, 0, 0, 4, 0, 0, 0, 9, 9, 9, 9];
        context.extend([2, 0, 0, 0]);
        context.extend((FPU as u32 + 21 * 8).to_le_bytes());
        context.extend([0; FPU]);
        (0..21_u64).for_each(|i| context.extend((i + 100).to_le_bytes()));
        let r = Registers::of_context(&context).expect("a record");
        assert_eq!((r.rsp(), r.rip, r.rflags, r.cr2, r.cr3), (107, 116, 117, 119, 120));
        assert_eq!(Registers::of_context(&context[..context.len() - 1]), None);
    }
}
