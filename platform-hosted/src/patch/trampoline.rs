//! The code of trampolines: sets rcx and r11 as the entry wants them, goes there, and holds the moved instructions.

use alloc::vec::Vec;

use super::site::{Fix, INVALID, JUMP, Plan, SYSCALL};

/// A trampoline's bytes and what must be remembered of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trampoline {
    pub code: Vec<u8>,
    /// Where the call resumes, from the start; 0: at the return address.
    pub resume: usize,
    /// The moved instructions: (where they were, from the site's first byte; where they are, from the start).
    pub moved: Vec<(usize, usize)>,
}

/// `target` as seen from the end of an instruction that ends at `next`.
fn relative(next: u64, target: u64) -> Option<[u8; 4]> {
    let distance = target.wrapping_sub(next) as i64;
    i32::try_from(distance).ok().map(i32::to_le_bytes)
}

/// `jmp rel32` at `from` to `to`.
pub fn jump(from: u64, to: u64) -> Option<[u8; JUMP]> {
    let [a, b, c, d] = relative(from + JUMP as u64, to)?;
    Some([0xe9, a, b, c, d])
}

/// True when the jump of `plan`, for a `syscall` at `site`, may lead to a trampoline at `at`: in reach, and none of its
/// bytes a valid instruction where one must not be.
pub fn may_be_at(plan: &Plan, site: u64, at: u64) -> bool {
    let Some(bytes) = jump(plan.jump_at(site), at) else { return false };
    plan.forbidden()
        .iter()
        .zip(&bytes[SYSCALL..])
        .all(|(forbidden, byte)| !forbidden || INVALID.contains(byte))
}

/// The most bytes that a trampoline for `plan` takes.
pub fn size(plan: &Plan) -> usize {
    match plan {
        Plan::Mov { .. } => 22,
        Plan::Move { moved, .. } => 21 + moved.iter().map(|m| m.bytes.len().max(6)).sum::<usize>() + JUMP,
    }
}

/// The trampoline at `at` for the `syscall` at `site`; `gate` is the address of a word that holds the entry's address.
pub fn build(plan: &Plan, site: u64, at: u64, gate: u32) -> Option<Trampoline> {
    let mut code = Vec::with_capacity(size(plan));
    let back = site + SYSCALL as u64;
    let jmp_gate = |code: &mut Vec<u8>| {
        code.extend([0xff, 0x24, 0x25]); // jmp *gate
        code.extend(gate.to_le_bytes());
    };
    match plan {
        Plan::Mov { nr, .. } => {
            code.push(0xb8); // mov $nr, %eax
            code.extend(nr.to_le_bytes());
            code.extend([0x48, 0x8d, 0x0d]); // lea back(%rip), %rcx
            code.extend(relative(at + 12, back)?);
            code.extend([0x49, 0x89, 0xcb]); // mov %rcx, %r11
            jmp_gate(&mut code);
            Some(Trampoline { code, resume: 0, moved: Vec::new() })
        }
        Plan::Move { len, moved } => {
            code.extend([0x48, 0x8d, 0x0d]); // lea back(%rip), %rcx
            code.extend(relative(at + 7, back)?);
            code.extend([0x4c, 0x8d, 0x1d]); // lea resume(%rip), %r11
            code.extend(7u32.to_le_bytes());
            jmp_gate(&mut code);
            let resume = code.len();
            let mut places = Vec::new();
            for m in moved {
                places.push((m.at, code.len()));
                append(&mut code, &m.bytes, m.fix, at)?;
            }
            if !moved.last().is_some_and(|m| m.last) {
                let from = at + code.len() as u64;
                code.extend(jump(from, site + *len as u64)?);
            }
            Some(Trampoline { code, resume, moved: places })
        }
    }
}

/// Appends one moved instruction to a trampoline that starts at `base`.
fn append(code: &mut Vec<u8>, bytes: &[u8], fix: Fix, base: u64) -> Option<()> {
    let at = base + code.len() as u64;
    match fix {
        Fix::None => code.extend(bytes),
        Fix::Relative { at: offset, target } => {
            let start = code.len();
            code.extend(bytes);
            let disp = relative(at + bytes.len() as u64, target)?;
            code[start + offset..start + offset + 4].copy_from_slice(&disp);
        }
        Fix::Branch { condition: Some(condition), target } => {
            code.extend([0x0f, 0x80 | condition]);
            code.extend(relative(at + 6, target)?);
        }
        Fix::Branch { condition: None, target } => code.extend(jump(at, target)?),
    }
    Some(())
}
