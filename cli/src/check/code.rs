//! The machine code of one file: blocks that begin where something can enter them, the system calls that each makes, and
//! what each refers to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

/// What is known of a file before its code is read.
#[derive(Debug, Default)]
pub struct Known {
    /// Executable parts, by address.
    pub parts: Vec<(u64, Vec<u8>)>,
    /// Where something can enter: functions, and addresses that data holds.
    pub starts: BTreeSet<u64>,
    /// Places that hold the address of another file's function, with its name.
    pub slots: BTreeMap<u64, String>,
}

/// A piece of code that is entered at its beginning.
#[derive(Debug, Default)]
pub struct Block {
    /// Numbers of system calls.
    pub calls: BTreeSet<u32>,
    /// How many system calls have a number that is computed.
    pub computed: usize,
    /// Addresses of other blocks that it calls, jumps to or hands out.
    pub refs: BTreeSet<u64>,
    /// Functions of other files.
    pub imports: BTreeSet<String>,
    /// It goes on into the block after it.
    pub falls: bool,
}

/// All blocks by address.
pub type Blocks = BTreeMap<u64, Block>;

/// Reads the code twice: for the places where blocks begin, and for what they do.
pub fn read(known: &Known) -> Blocks {
    let mut starts = known.starts.clone();
    let mut stubs: BTreeMap<u64, String> = BTreeMap::new();
    for (base, bytes) in &known.parts {
        starts.insert(*base);
        let mut before = 0;
        for instruction in instructions(*base, bytes) {
            if let Some(target) = handed_out(&instruction).filter(|to| known.executes(*to)) {
                starts.insert(target);
            }
            // A stub of the procedure linkage table jumps through a slot, perhaps after `endbr64`.
            if instruction.flow_control() == FlowControl::IndirectBranch
                && let Some(name) = known.slot(&instruction)
            {
                stubs.insert(instruction.ip(), name.clone());
                stubs.insert(before, name.clone());
            }
            before = if instruction.mnemonic() == Mnemonic::Endbr64 { instruction.ip() } else { u64::MAX };
        }
    }
    starts.retain(|at| known.executes(*at));
    let mut blocks: Blocks = starts.iter().map(|at| (*at, Block::default())).collect();
    for (base, bytes) in &known.parts {
        read_part(known, &stubs, &starts, &mut blocks, instructions(*base, bytes));
    }
    blocks
}

fn read_part(
    known: &Known,
    stubs: &BTreeMap<u64, String>,
    starts: &BTreeSet<u64>,
    blocks: &mut Blocks,
    code: impl Iterator<Item = Instruction>,
) {
    let mut values = Values::default();
    let mut block = Block::default();
    let mut at = None;
    let mut put = |at: Option<u64>, block: Block| {
        if let Some(at) = at {
            blocks.insert(at, block);
        }
    };
    for instruction in code {
        if starts.contains(&instruction.ip()) {
            put(at, std::mem::take(&mut block));
            at = Some(instruction.ip());
            block.falls = true;
            values = Values::default();
        }
        // What fills the room up to the next function changes nothing.
        if !matches!(instruction.mnemonic(), Mnemonic::Nop | Mnemonic::Int3) {
            use FlowControl::{IndirectBranch, Return, UnconditionalBranch};
            block.falls =
                !matches!(instruction.flow_control(), UnconditionalBranch | IndirectBranch | Return);
        }
        if instruction.mnemonic() == Mnemonic::Syscall {
            match values.get(Register::RAX) {
                Some(nr) => drop(block.calls.insert(nr)),
                None => block.computed += 1,
            }
        }
        let target = near(&instruction).or_else(|| handed_out(&instruction));
        let import = known.slot(&instruction).or_else(|| stubs.get(&target?));
        if let Some(name) = import {
            // syscall(2) of the C library: the number is its first argument.
            match values.get(Register::RDI).filter(|_| name == "syscall") {
                Some(nr) => drop(block.calls.insert(nr)),
                None => drop(block.imports.insert(name.clone())),
            }
        }
        if let Some(target) = target.filter(|to| known.executes(*to)) {
            block.refs.insert(starts.range(..=target).next_back().copied().unwrap_or(target));
        }
        values.after(&instruction);
    }
    put(at, block);
}

fn instructions(base: u64, bytes: &[u8]) -> impl Iterator<Item = Instruction> {
    Decoder::with_ip(64, bytes, base, DecoderOptions::NONE).into_iter()
}

/// The target of a direct call or jump.
fn near(instruction: &Instruction) -> Option<u64> {
    (instruction.op_count() == 1 && instruction.op0_kind() == OpKind::NearBranch64)
        .then(|| instruction.near_branch64())
}

/// An address at which code is entered: the target of a call, or one that is put into a register.
fn handed_out(instruction: &Instruction) -> Option<u64> {
    match instruction.mnemonic() {
        Mnemonic::Call => near(instruction),
        Mnemonic::Lea if instruction.is_ip_rel_memory_operand() => Some(instruction.ip_rel_memory_address()),
        _ => None,
    }
}

impl Known {
    fn executes(&self, at: u64) -> bool {
        let range = |part: &(u64, Vec<u8>)| -> Range<u64> { part.0..part.0 + part.1.len() as u64 };
        self.parts.iter().any(|part| range(part).contains(&at))
    }

    /// The function whose slot the instruction reads.
    fn slot(&self, instruction: &Instruction) -> Option<&String> {
        let reads = instruction.is_ip_rel_memory_operand();
        self.slots.get(&instruction.ip_rel_memory_address()).filter(|_| reads)
    }
}

/// Numbers that registers hold.
#[derive(Debug, Default)]
struct Values(BTreeMap<Register, u32>);

impl Values {
    fn get(&self, register: Register) -> Option<u32> {
        self.0.get(&register).copied()
    }

    fn set(&mut self, register: Register, value: Option<u32>) {
        match value {
            Some(value) => self.0.insert(register, value),
            None => self.0.remove(&register),
        };
    }

    /// What the instruction leaves in registers.
    fn after(&mut self, instruction: &Instruction) {
        use Register::{R8, R9, R10, R11, RAX, RCX, RDI, RDX, RSI};
        match instruction.flow_control() {
            FlowControl::Next | FlowControl::ConditionalBranch => {}
            FlowControl::Call if instruction.mnemonic() == Mnemonic::Syscall => {
                for register in [RAX, RCX, R11] {
                    self.set(register, None);
                }
                return;
            }
            FlowControl::Call | FlowControl::IndirectCall => {
                // These are the callee's to use.
                for register in [RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11] {
                    self.set(register, None);
                }
                return;
            }
            // What follows is entered from elsewhere in the block, mostly with the same numbers in registers: the C
            // library's `_exit` loads one before it jumps over another's place.
            _ => return,
        }
        let to = instruction.op0_register().full_register();
        if instruction.op_count() == 0 || instruction.op0_kind() != OpKind::Register {
            if matches!(instruction.mnemonic(), Mnemonic::Cpuid | Mnemonic::Rdtsc | Mnemonic::Mul) {
                self.set(RAX, None);
            }
            return;
        }
        let from = instruction.op1_register().full_register();
        let both_registers = instruction.op_count() == 2 && instruction.op1_kind() == OpKind::Register;
        match instruction.mnemonic() {
            Mnemonic::Cmp | Mnemonic::Test | Mnemonic::Push => {}
            Mnemonic::Mov if both_registers => self.set(to, self.get(from)),
            Mnemonic::Mov => self.set(to, immediate(instruction)),
            Mnemonic::Xor | Mnemonic::Sub if both_registers && to == from => self.set(to, Some(0)),
            Mnemonic::Xchg | Mnemonic::Xadd | Mnemonic::Cmpxchg => {
                self.set(to, None);
                self.set(from, None);
                self.set(RAX, None);
            }
            Mnemonic::Mul | Mnemonic::Div | Mnemonic::Idiv => self.set(RAX, None),
            _ => self.set(to, None),
        }
    }
}

fn immediate(instruction: &Instruction) -> Option<u32> {
    match instruction.op1_kind() {
        OpKind::Immediate32 | OpKind::Immediate32to64 | OpKind::Immediate64 => {
            u32::try_from(instruction.immediate(1)).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(code: &[u8], starts: &[u64], slots: &[(u64, &str)]) -> Blocks {
        read(&Known {
            parts: vec![(0x1000, code.to_vec())],
            starts: starts.iter().copied().collect(),
            slots: slots.iter().map(|(at, name)| (*at, (*name).to_owned())).collect(),
        })
    }

    #[test]
    fn numbers_before_a_call() {
        // mov $39,%eax; syscall; xor %eax,%eax; syscall; mov %r9,%rax; syscall; ret
        let code = [0xb8, 39, 0, 0, 0, 0x0f, 5, 0x31, 0xc0, 0x0f, 5, 0x4c, 0x89, 0xc8, 0x0f, 5, 0xc3];
        let block = &blocks(&code, &[], &[])[&0x1000];
        assert_eq!(block.calls, BTreeSet::from([0, 39]));
        assert_eq!(block.computed, 1);
        assert!(!block.falls);
    }

    #[test]
    fn functions_of_other_files() {
        // 1000: mov $134,%edi; call 100b; ret   100b: jmp *slot   1011: call *other; ret
        let mut code = vec![0xbf, 134, 0, 0, 0, 0xe8, 1, 0, 0, 0, 0xc3];
        code.extend([0xff, 0x25, 0xef, 0x0f, 0, 0]);
        code.extend([0xff, 0x15, 0xf1, 0x0f, 0, 0, 0xc3]);
        let all = blocks(&code, &[0x1011], &[(0x2000, "syscall"), (0x2008, "puts")]);
        assert_eq!(all[&0x1000].calls, BTreeSet::from([134]));
        assert!(all[&0x1000].imports.is_empty());
        assert_eq!(all[&0x1000].refs, BTreeSet::from([0x100b]));
        assert_eq!(all[&0x1011].imports, BTreeSet::from(["puts".to_owned()]));
    }

    #[test]
    fn blocks_that_go_on() {
        // 1000: nop   1001: lea 1(%rip),%rax; ret; nop   100a: ret
        let code = [0x90, 0x48, 0x8d, 0x05, 2, 0, 0, 0, 0xc3, 0x90, 0xc3];
        let all = blocks(&code, &[0x1001], &[]);
        assert!(all[&0x1000].falls && !all[&0x1001].falls);
        assert_eq!(all[&0x1001].refs, BTreeSet::from([0x100a]));
    }
}
