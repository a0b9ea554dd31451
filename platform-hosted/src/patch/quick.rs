//! Lengths of the instructions that usually stand behind a system call, without the full decoder: its tables take half a
//! millisecond to build, which a short-lived program should not pay. Whatever is not known here is left to the decoder.

/// Length of an instruction that means the same everywhere, and whether control ends there (`ret`).
pub fn plain(code: &[u8]) -> Option<(usize, bool)> {
    let mut at = 0;
    let wide = code.first() == Some(&0x66);
    at += usize::from(wide);
    let rex = code.get(at).filter(|b| (0x40..=0x4f).contains(*b)).copied();
    at += usize::from(rex.is_some());
    let op = *code.get(at)?;
    at += 1;
    // An immediate of operand size, at most 32 bits.
    let imm = if wide { 2 } else { 4 };
    if wide && rex.is_some() {
        return None;
    }
    let len = match op {
        0xc3 if at == 1 => return Some((1, true)),
        0x90 | 0x98 | 0x99 | 0x50..=0x5f => at,
        0x00..=0x3b if op & 7 <= 3 => modrm(code, at)?.0,
        0x04..=0x3c if op & 7 == 4 => at + 1,
        0x05..=0x3d if op & 7 == 5 => at + imm,
        0x63 | 0x84..=0x8b | 0xd1 | 0xd3 => modrm(code, at)?.0,
        0x80 | 0x83 | 0x6b | 0xc0 | 0xc1 => modrm(code, at)?.0 + 1,
        0x81 | 0x69 => modrm(code, at)?.0 + imm,
        0xc6 | 0xc7 => match modrm(code, at)? {
            (end, 0) => end + if op == 0xc6 { 1 } else { imm },
            _ => return None,
        },
        0xa8 | 0xb0..=0xb7 => at + 1,
        0xa9 => at + imm,
        0xb8..=0xbf => at + if rex.is_some_and(|r| r & 8 != 0) { 8 } else { imm },
        0xff => match modrm(code, at)? {
            (end, 0 | 1 | 6) => end,
            _ => return None,
        },
        0x0f => match code.get(at)? {
            0x1f | 0x40..=0x4f | 0x90..=0x9f | 0xaf | 0xb6 | 0xb7 | 0xbe | 0xbf => modrm(code, at + 1)?.0,
            _ => return None,
        },
        _ => return None,
    };
    (len <= code.len()).then_some((len, false))
}

/// Length of bytes between functions that nobody executes: a `nop` of any length, or `int3`.
pub fn padding(code: &[u8]) -> Option<usize> {
    let prefixes = code.iter().take_while(|b| matches!(b, 0x66 | 0x2e)).count();
    match code.get(prefixes..)? {
        [0xcc, ..] if prefixes == 0 => Some(1),
        [0x90, ..] => Some(prefixes + 1),
        [0x0f, 0x1f, ..] => modrm(code, prefixes + 2).map(|(end, _)| end),
        _ => None,
    }
}

/// The end of the operand bytes that start at `at`, and their register field; `None` if relative to rip.
fn modrm(code: &[u8], at: usize) -> Option<(usize, u8)> {
    let byte = *code.get(at)?;
    let (mode, rm) = (byte >> 6, byte & 7);
    let mut end = at + 1;
    let mut displacement = match mode {
        1 => 1,
        2 => 4,
        _ => 0,
    };
    if mode != 3 && rm == 4 {
        let sib = *code.get(end)?;
        end += 1;
        if mode == 0 && sib & 7 == 5 {
            displacement = 4;
        }
    } else if mode == 0 && rm == 5 {
        return None;
    }
    end += displacement;
    (end <= code.len()).then_some((end, byte >> 3 & 7))
}

#[cfg(test)]
mod tests {
    use iced_x86::{Decoder, DecoderOptions, Mnemonic, OpKind};

    use super::*;

    /// Everything that is known here is as the decoder has it.
    #[test]
    fn agrees_with_the_decoder() {
        let mut state = 0x1234_5678_9abc_def1u64;
        let mut known = 0;
        for round in 0..2_000_000u32 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let mut code = [0u8; 15];
            code[..8].copy_from_slice(&state.to_le_bytes());
            code[8..].copy_from_slice(&state.rotate_left(29).to_le_bytes()[..7]);
            if round % 2 == 0 {
                code[0] = 0x48;
            }
            let Some((len, last)) = plain(&code) else { continue };
            known += 1;
            let insn = Decoder::new(64, &code, DecoderOptions::NONE).decode();
            assert!(!insn.is_invalid(), "{code:x?}");
            assert_eq!(insn.len(), len, "{code:x?}");
            assert!(!insn.is_ip_rel_memory_operand() && insn.op0_kind() != OpKind::NearBranch64, "{code:x?}");
            assert_eq!(insn.mnemonic() == Mnemonic::Ret, last, "{code:x?}");
            let leaves = [Mnemonic::Call, Mnemonic::Jmp, Mnemonic::Syscall, Mnemonic::Int];
            assert!(!leaves.contains(&insn.mnemonic()), "{code:x?}");
        }
        assert!(known > 100_000);
    }

    #[test]
    fn padding_of_compilers() {
        for code in [
            &[0x90][..],
            &[0x66, 0x90],
            &[0xcc],
            &[0x0f, 0x1f, 0x44, 0, 0],
            &[0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0],
        ] {
            assert_eq!(padding(code), Some(code.len()), "{code:x?}");
        }
        assert_eq!(padding(&[0xf3, 0x0f, 0x1e, 0xfa]), None);
        assert_eq!(padding(&[0x48, 0x89, 0xc7]), None);
    }
}
