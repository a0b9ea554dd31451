//! The program, run by a small interpreter of classic BPF.

use super::*;

struct Call {
    nr: usize,
    arch: u32,
    ip: u64,
    args: [u64; 6],
}

fn run(program: &[Insn], call: &Call) -> u32 {
    let mut data = Vec::new();
    data.extend((call.nr as u32).to_le_bytes());
    data.extend(call.arch.to_le_bytes());
    data.extend(call.ip.to_le_bytes());
    for arg in call.args {
        data.extend(arg.to_le_bytes());
    }
    let (mut pc, mut acc) = (0, 0u32);
    loop {
        let i = program[pc];
        pc += 1;
        let jump = |yes: bool| usize::from(if yes { i.jt } else { i.jf });
        match i.code {
            LD_W_ABS => acc = u32::from_le_bytes(data[i.k as usize..][..4].try_into().unwrap()),
            JEQ_K => pc += jump(acc == i.k),
            JGE_K => pc += jump(acc >= i.k),
            JA => pc += i.k as usize,
            RET_K => return i.k,
            code => panic!("unknown instruction {code:#x}"),
        }
    }
}

const GATE: u64 = 0x7000_1234;
const RESTORER: u64 = 0x7000_2345;
const VDSO: (u64, u64) = (0x7fff_1234_0000, 0x7fff_1234_2000);

fn verdict(nr: usize, ip: u64, args: [u64; 6]) -> bool {
    let program = program(&Places { gate: GATE, restorer: RESTORER, vdso: Some(VDSO) });
    assert!(program.len() < 4096);
    match run(&program, &Call { nr, arch: ARCH_X86_64, ip, args }) {
        RET_ALLOW => true,
        RET_TRAP => false,
        other => panic!("verdict {other:#x}"),
    }
}

fn first(arg: u64) -> [u64; 6] {
    [arg, 0, 0, 0, 0, 0]
}

#[test]
fn only_from_the_gate() {
    assert!(verdict(SYS_mmap, GATE, first(0)));
    for ip in [GATE - 1, GATE + 1, 0, RESTORER, GATE | 1 << 32, VDSO.0 + 8] {
        assert!(!verdict(SYS_mmap, ip, first(0)), "{ip:#x}");
    }
}

#[test]
fn only_what_is_listed() {
    let listed: Vec<usize> = ALLOWED.iter().map(|c| c.0 as usize).collect();
    for nr in 0..600 {
        if !listed.contains(&nr) {
            assert!(!verdict(nr, GATE, [0; 6]), "{nr}");
        }
    }
    assert!(!verdict(SYS_rt_sigreturn, GATE, [0; 6]));
    assert!(verdict(SYS_rt_sigreturn, RESTORER, [0; 6]));
    assert!(!verdict(SYS_mmap, RESTORER, [0; 6]));
}

#[test]
fn arguments_are_looked_at() {
    assert!(verdict(SYS_write, GATE, first(2)) && verdict(SYS_write, GATE, first(7)));
    assert!(!verdict(SYS_write, GATE, first(1)) && !verdict(SYS_write, GATE, first(1 << 32 | 2)));
    assert!(verdict(SYS_clone, GATE, first(CLONE_FLAGS)) && !verdict(SYS_clone, GATE, first(0x100 | 17)));
    assert!(verdict(SYS_prctl, GATE, first(1)) && !verdict(SYS_prctl, GATE, first(4)));
    assert!(verdict(SYS_dup2, GATE, [9, 3, 0, 0, 0, 0]) && !verdict(SYS_dup2, GATE, [9, 2, 0, 0, 0, 0]));
}

#[test]
fn the_vdso_may_read_common_clocks() {
    assert!(verdict(SYS_clock_gettime, VDSO.0 + 100, first(1)));
    assert!(!verdict(SYS_clock_gettime, VDSO.0 + 100, first(2)));
    assert!(!verdict(SYS_clock_gettime, VDSO.0 + 100, first(-6i64 as u64)));
    assert!(
        !verdict(SYS_clock_gettime, VDSO.1, first(1)) && !verdict(SYS_clock_gettime, VDSO.0 - 1, first(1))
    );
    assert!(!verdict(SYS_write, VDSO.0 + 100, first(2)));
}

#[test]
fn other_architectures_trap() {
    let program = program(&Places { gate: GATE, restorer: RESTORER, vdso: None });
    let call = Call { nr: SYS_mmap, arch: 0x4000_0003, ip: GATE, args: [0; 6] };
    assert_eq!(run(&program, &call), RET_TRAP);
}
