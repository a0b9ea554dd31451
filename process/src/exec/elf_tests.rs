//! Reading of ELF headers: real ones of this test program, and damaged ones.

extern crate std;

use abi::errno::{Errno, SysResult};
use alloc::vec::Vec;
use proptest::prelude::*;

use super::elf::{Elf, ImageFile};

struct Bytes(Vec<u8>);

impl ImageFile for Bytes {
    fn read_at(&self, off: u64, dst: &mut [u8]) -> SysResult<usize> {
        let rest = self.0.get(off as usize..).unwrap_or_default();
        let n = rest.len().min(dst.len());
        dst[..n].copy_from_slice(&rest[..n]);
        Ok(n)
    }
}

fn own() -> Vec<u8> {
    std::fs::read("/proc/self/exe").expect("the test program's file")
}

/// What the headers lie in, read once.
fn start() -> Vec<u8> {
    static START: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    START.get_or_init(|| own()[..0x1_0000].to_vec()).clone()
}

#[test]
fn reads_this_program() {
    let elf = Elf::read(&Bytes(own())).expect("this program is an ELF file");
    assert!(elf.dynamic);
    assert_eq!(elf.interp.as_deref(), Some(b"/lib64/ld-linux-x86-64.so.2".as_slice()));
    assert!(elf.segments.len() >= 2);
    let (first, last) = elf.span();
    assert!(first <= elf.phdr && elf.phdr < last && elf.entry < last);
}

#[test]
fn refuses_what_is_no_program_for_this_machine() {
    let mut other = own();
    other[18] = 183; // aarch64
    assert_eq!(Elf::read(&Bytes(other)).err(), Some(Errno::ENOEXEC));
    let mut class32 = own();
    class32[4] = 1;
    assert_eq!(Elf::read(&Bytes(class32)).err(), Some(Errno::ENOEXEC));
    assert_eq!(Elf::read(&Bytes(own()[..60].to_vec())).err(), Some(Errno::ENOEXEC));
    assert_eq!(Elf::read(&Bytes(b"hello".to_vec())).err(), Some(Errno::ENOEXEC));
}

proptest! {
    /// Damaged headers are refused or read, never a panic.
    #[test]
    fn damage_is_survived(changes in proptest::collection::vec((0..1024usize, any::<u8>()), 1..8)) {
        let mut bytes = start();
        for (at, b) in changes {
            bytes[at] = b;
        }
        let _ = Elf::read(&Bytes(bytes)).map(|e| e.span());
    }
}
