//! Plans for byte snippets, and for every site of the C library that is installed here.

use iced_x86::{Code, Decoder, DecoderOptions};

use super::*;
use crate::patch::arena::Arena;
use crate::patch::trampoline::{build, jump, may_be_at, size};

const SITE: u64 = 0x5555_0001_2345;

#[test]
fn mov_before_the_call() {
    let before = [0x90, 0xb8, 0x27, 0, 0, 0];
    assert_eq!(plan(&before, &[], SITE, 0x27), Some(Plan::Mov { back: 5, nr: 0x27 }));
    assert_eq!(plan(&before, &[], SITE, 0x28), None);
    let long = [0x48, 0xc7, 0xc0, 0x27, 0, 0, 0];
    assert_eq!(plan(&long, &[], SITE, 0x27), Some(Plan::Mov { back: 7, nr: 0x27 }));
}

#[test]
fn mov_to_another_register_is_not_mistaken() {
    // nop x 20; mov $0x27, %r8d
    let mut before = vec![0x90; 20];
    before.extend([0x41, 0xb8, 0x27, 0, 0, 0]);
    assert_eq!(plan(&before, &[], SITE, 0x27), None);
    // nop x 20; mov 0x48(%rdi), %rcx; mov $0x27, %eax
    let mut before = vec![0x90; 20];
    before.extend([0x48, 0x8b, 0x4f, 0x48, 0xb8, 0x27, 0, 0, 0]);
    assert_eq!(plan(&before, &[], SITE, 0x27), Some(Plan::Mov { back: 5, nr: 0x27 }));
}

#[test]
fn instructions_behind_the_call_move() {
    // cmp $-4095, %rax; ja
    let behind = [0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff, 0x77, 0x05];
    let Some(plan @ Plan::Move { len: 8, .. }) = plan(&[], &behind, SITE, 1) else { panic!() };
    assert_eq!(plan.forbidden(), [true, false, false]);
    // ret, then padding
    let Some(Plan::Move { len: 5, moved }) = super::plan(&[], &[0xc3, 0xcc, 0xcc, 0xcc], SITE, 1) else {
        panic!()
    };
    assert!(moved.len() == 1 && moved[0].last);
    // ret, then another function
    assert_eq!(super::plan(&[], &[0xc3, 0x48, 0x89, 0xc7], SITE, 1), None);
    // call
    assert_eq!(super::plan(&[], &[0xe8, 0, 0, 0, 0], SITE, 1), None);
}

/// What the trampoline's moved part does, as decoded at its place: targets must be those of the original.
#[test]
fn moved_instructions_mean_the_same() {
    // mov 0x1000(%rip), %rcx
    let behind = [0x48, 0x8b, 0x0d, 0x00, 0x10, 0, 0];
    let plan = plan(&[], &behind, SITE, 1).unwrap();
    let at = SITE + 0x10_0000;
    let tramp = build(&plan, SITE, at, 0x7000_0000).unwrap();
    assert!(tramp.code.len() <= size(&plan));
    let mut decoder =
        Decoder::with_ip(64, &tramp.code[tramp.resume..], at + tramp.resume as u64, DecoderOptions::NONE);
    let insn = decoder.decode();
    assert_eq!(insn.ip_rel_memory_address(), SITE + 2 + 7 + 0x1000);
    let back = decoder.decode();
    assert_eq!((back.code(), back.near_branch64()), (Code::Jmp_rel32_64, SITE + 9));
    // js +5: a short jump becomes a long one.
    let plan = super::plan(&[], &[0x78, 5, 0x90], SITE, 1).unwrap();
    let tramp = build(&plan, SITE, at, 0x7000_0000).unwrap();
    let mut decoder =
        Decoder::with_ip(64, &tramp.code[tramp.resume..], at + tramp.resume as u64, DecoderOptions::NONE);
    let insn = decoder.decode();
    assert_eq!((insn.code(), insn.near_branch64()), (Code::Js_rel32_64, SITE + 4 + 5));
}

#[test]
fn invalid_opcodes_are_invalid() {
    for byte in INVALID {
        for next in 0..=255 {
            let code = [byte, next, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
            assert!(
                Decoder::new(64, &code, DecoderOptions::NONE).decode().is_invalid(),
                "{byte:#x} {next:#x}"
            );
        }
    }
}

#[test]
fn jumps_out_of_reach_are_refused() {
    assert!(jump(0x1000, 0x1000 + (1 << 31)).is_some());
    assert!(jump(0x1000, 0x2000 + (1 << 31)).is_none());
}

/// The executable section of an ELF file, with its address.
fn text(elf: &[u8]) -> (u64, &[u8]) {
    let q = |at: usize| u64::from_le_bytes(elf[at..at + 8].try_into().unwrap()) as usize;
    let h = |at: usize| usize::from(u16::from_le_bytes(elf[at..at + 2].try_into().unwrap()));
    let (phoff, phnum) = (q(32), h(56));
    for at in (0..phnum).map(|i| phoff + i * 56) {
        if elf[at] == 1 && elf[at + 4] & 1 != 0 {
            return (q(at + 16) as u64, &elf[q(at + 8)..][..q(at + 32)]);
        }
    }
    panic!("no executable segment");
}

/// Counts sites and those that can be rewritten, placing trampolines in one block as at run time.
fn coverage(path: &str) -> Option<(usize, usize, usize)> {
    let elf = std::fs::read(path).ok()?;
    let (base, code) = text(&elf);
    let (mut sites, mut movs, mut moves) = (0, 0, 0);
    let mut arena = Arena::new(0x7f00_0000);
    let mut decoder = Decoder::with_ip(64, code, base, DecoderOptions::NONE);
    while decoder.can_decode() {
        let insn = decoder.decode();
        if insn.mnemonic() != Mnemonic::Syscall {
            continue;
        }
        sites += 1;
        let at = (insn.ip() - base) as usize;
        let (before, behind) =
            (&code[at.saturating_sub(BEFORE)..at], &code[at + 2..(at + 2 + BEHIND).min(code.len())]);
        let nr = before.last_chunk().map_or(u32::MAX, |b| u32::from_le_bytes(*b));
        let Some(plan) = plan(before, behind, insn.ip(), nr) else { continue };
        let suits = |at: usize| may_be_at(&plan, insn.ip(), at as u64);
        let placed = arena.take(size(&plan), suits);
        match (placed, plan) {
            (None, _) => {}
            (Some(_), Plan::Mov { .. }) => movs += 1,
            (Some(_), Plan::Move { .. }) => moves += 1,
        }
    }
    println!("{path}: {sites} sites, {movs} by their mov, {moves} by what follows");
    Some((sites, movs, moves))
}

#[test]
fn constants_that_look_like_code_are_left_alone() {
    const SITE: [u8; 8] = [0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3];
    let after = |bytes: &[u8]| {
        let code = [&[0x90; 4], bytes, &SITE].concat();
        movs(&code).map(|(at, _)| at).collect::<alloc::vec::Vec<_>>()
    };
    assert_eq!(after(&[]), [4 + JUMP]);
    assert_eq!(after(&[0x48, 0x89, 0xc7]), [7 + JUMP]);
    // movabs $0xc3050f00000027b8, %rax; and the same a byte further on.
    assert_eq!(after(&[0x48, 0xb8]), []);
    assert_eq!(after(&[0x49, 0xbf, 0x90]), []);
    // mov $39, %r8d
    assert_eq!(after(&[0x41]), []);
}

#[test]
fn most_sites_of_the_c_library_can_be_rewritten() {
    for path in ["/lib/x86_64-linux-gnu/libc.so.6", "/lib/ld-musl-x86_64.so.1"] {
        if let Some((sites, movs, moves)) = coverage(path) {
            assert!((movs + moves) * 10 >= sites * 9, "{path}");
        }
    }
}
