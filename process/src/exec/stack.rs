//! The initial stack: strings, argument and environment pointers, auxiliary vector. Layout: System V ABI for AMD64,
//! "Process Initialization".

use abi::auxv::AuxEntry;
use abi::errno::{Errno, SysResult};
use abi::mm::PAGE_SIZE;
use alloc::vec::Vec;

/// Longest single string (MAX_ARG_STRLEN).
const MAX_STRING: usize = 32 * PAGE_SIZE;

/// Strings and vectors to be put at the top of a new stack.
pub struct Initial<'a> {
    pub argv: &'a [Vec<u8>],
    pub envp: &'a [Vec<u8>],
    pub path: &'a [u8],
    pub random: [u8; 16],
}

/// Addresses of what the auxiliary vector points to.
pub struct Strings {
    /// The executable's name.
    pub name: usize,
    /// 16 random bytes.
    pub random: usize,
    /// The platform's name.
    pub machine: usize,
}

/// Where things came to lie.
pub struct Placed {
    /// Bytes from `base` up to the stack's top.
    pub bytes: Vec<u8>,
    /// Address of the first byte: the initial stack pointer.
    pub base: usize,
}

/// E2BIG unless the strings fit a quarter of the stack limit (and at least 128 KiB), each within 128 KiB.
pub fn check_size(argv: &[Vec<u8>], envp: &[Vec<u8>], stack_limit: u64) -> SysResult<()> {
    let limit = (stack_limit / 4).clamp(32 * PAGE_SIZE as u64, 6 * 1024 * 1024);
    let mut total = 0;
    for s in argv.iter().chain(envp) {
        if s.len() + 1 > MAX_STRING {
            return Err(Errno::E2BIG);
        }
        total += s.len() as u64 + 1 + 8;
    }
    if total > limit { Err(Errno::E2BIG) } else { Ok(()) }
}

impl Initial<'_> {
    /// Builds the stack that ends at `top`. `auxv` gives the vector without its end mark.
    pub fn build(&self, top: usize, auxv: impl FnOnce(&Strings) -> Vec<AuxEntry>) -> Placed {
        let mut strings: Vec<u8> = Vec::new();
        let at = |s: &[u8], strings: &mut Vec<u8>| {
            let off = strings.len();
            strings.extend_from_slice(s);
            strings.push(0);
            off
        };
        let args: Vec<usize> = self.argv.iter().map(|s| at(s, &mut strings)).collect();
        let envs: Vec<usize> = self.envp.iter().map(|s| at(s, &mut strings)).collect();
        let name = at(self.path, &mut strings);
        let machine = at(b"x86_64", &mut strings);
        while !strings.len().is_multiple_of(16) {
            strings.push(0);
        }
        let random = strings.len();
        strings.extend_from_slice(&self.random);
        strings.extend_from_slice(&[0; 16]);
        let strings_at = top - strings.len();

        let aux = auxv(&Strings {
            name: strings_at + name,
            random: strings_at + random,
            machine: strings_at + machine,
        });
        let words = 1 + args.len() + 1 + envs.len() + 1 + (aux.len() + 1) * 2;
        let base = (strings_at - words * 8) & !15;
        let mut bytes = Vec::with_capacity(top - base);
        let mut word = |v: usize| bytes.extend_from_slice(&v.to_le_bytes());
        word(args.len());
        args.iter().for_each(|a| word(strings_at + a));
        word(0);
        envs.iter().for_each(|a| word(strings_at + a));
        word(0);
        for a in &aux {
            word(a.a_type as usize);
            word(a.a_val as usize);
        }
        word(0);
        word(0);
        bytes.resize(strings_at - base, 0);
        bytes.extend_from_slice(&strings);
        Placed { bytes, base }
    }
}
