//! What Xen's own trace says of a fork: every hypercall of every domain, and who ran when (xen/include/public/trace.h).
//!
//! A window is one fork, exit and wait: it begins when the parent wakes up after a rest and ends when it rests again, so
//! the few hypercalls of the rest itself are in it.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use super::{PROGRAM, run_in_dom0};
use crate::lab::Lab;

const RUNSTATE_CHANGE: u32 = 0x21001;
const RUNSTATE_CONTINUE: u32 = 0x21002;
/// Where a runstate change has its new state.
const NEW_STATE: u32 = 0xf0;
const PV_HYPERCALL: u32 = 0x20_100d;
const PV_SUBCALL: u32 = 0x20_200e;
/// A PVH domain left for Xen, from 64-bit code; the first word says why.
const HVM_EXIT: u32 = 0x8_1102;
/// `VMEXIT_VMMCALL` (AMD), `EXIT_REASON_VMCALL` (Intel).
const VMMCALL: u32 = 0x81;
const VMCALL: u32 = 18;
/// Stands for any hypercall of a PVH domain: the trace does not say which.
const ANY: u32 = u32::MAX;
/// xentrace's mask: who runs, PV entries and calls in multicalls, what HVM exits were for.
const MASK: &str = "0x2a3000";
/// A pause of so many cycles is a rest (50 ms at 1 GHz, which is the emulated clock with --icount).
const REST: u64 = 50_000_000;
const FORKS: usize = 8;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    /// A domain runs.
    Runs(u16),
    /// A domain's vCPU waits for something.
    Blocks(u16),
    /// Hypercall of a PVH domain.
    Guest(u32),
    /// A PVH domain left for Xen for another reason.
    Exit(u32),
    /// Hypercall of dom0.
    Dom0(u32),
    Other(u32),
}

#[derive(Clone, Copy, Debug)]
struct Record {
    cycles: u64,
    what: What,
}

/// A fork, exit and wait.
#[derive(Clone, Debug, Default)]
pub struct Fork {
    /// Cycles from end to end.
    pub cycles: u64,
    /// By domain and number; dom0's that only replace privileged instructions are apart.
    pub calls: BTreeMap<(u16, u32), u32>,
    pub instructions: u32,
    /// Cycles that each domain ran.
    pub ran: BTreeMap<u16, u64>,
    /// A line for each record.
    pub story: Vec<String>,
}

impl Fork {
    /// Hypercalls of all domains.
    pub fn total(&self) -> u32 {
        self.calls.values().sum()
    }
}

/// Hypercalls by which a PV kernel does what others do by an instruction: page tables, descriptors, segment bases, the
/// return from a trap, the timer, halting. A dom0 that is PVH makes none of them. Multicalls carry others, which count.
fn is_instruction(call: u32) -> bool {
    matches!(call, 0..=5 | 8..=10 | 13..=15 | 23..=26)
}

fn name(call: u32) -> String {
    let known = match call {
        ANY => "hypercall",
        1 => "mmu_update",
        3 => "stack_switch",
        5 => "fpu_taskswitch",
        10 => "update_descriptor",
        12 => "memory_op",
        13 => "multicall",
        14 => "update_va_mapping",
        15 => "set_timer_op",
        20 => "grant_table_op",
        23 => "iret",
        24 => "vcpu_op",
        25 => "set_segment_base",
        26 => "mmuext_op",
        29 => "sched_op",
        32 => "event_channel_op",
        33 => "physdev_op",
        34 => "hvm_op",
        36 => "domctl",
        other => return format!("hypercall {other}"),
    };
    known.to_owned()
}

/// Traces forks in the lab; the windows.
pub fn forks(lab: &Lab) -> Result<Vec<Fork>> {
    let family = "traced";
    let line = format!(
        "cd /; rm -f /lab/trace.bin; offshoot run --platform xen --name {family} -m 256m -- /lab/bin/{PROGRAM} watched {FORKS} & run=$!\n\
         for i in $(seq 100); do parent=$(xl domid {family}.1 2>/dev/null) && break; usleep 20000; done\n\
         xentrace -D -e {MASK} -S 1024 /tmp/trace.bin & trace=$!\n\
         wait $run; status=$?; kill -INT $trace; wait $trace; cp /tmp/trace.bin /lab/trace.bin; rm /tmp/trace.bin\n\
         echo parent $parent; exit $status"
    );
    let printed = run_in_dom0(lab, &line)?;
    let parent = printed
        .lines()
        .find_map(|line| line.strip_prefix("parent ")?.parse().ok())
        .context("the traced family had no domain")?;
    let path = lab.place.share().join("trace.bin");
    let bytes = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let _ = std::fs::remove_file(&path);
    let forks = windows(&records(&bytes), parent);
    if forks.is_empty() {
        bail!("Xen's trace shows no fork of domain {parent}");
    }
    Ok(forks)
}

/// The records of a trace file. Those without a time are the tool's own.
fn records(bytes: &[u8]) -> Vec<Record> {
    let mut words = bytes.chunks_exact(4).map(|c| u32::from_le_bytes([c[0], c[1], c[2], c[3]]));
    let mut records = Vec::new();
    while let Some(head) = words.next() {
        let (event, extra, timed) = (head & 0x0fff_ffff, head >> 28 & 7, head >> 31 != 0);
        let low = if timed { words.next() } else { Some(0) };
        let high = if timed { words.next() } else { Some(0) };
        let rest: Vec<u32> = words.by_ref().take(extra as usize).collect();
        let (Some(low), Some(high)) = (low, high) else { break };
        if !timed {
            continue;
        }
        let first = rest.first().copied().unwrap_or(0);
        let domain = (first >> 16) as u16;
        let what = match event {
            _ if event & !0xff0 == RUNSTATE_CHANGE => match (event & NEW_STATE) >> 4 {
                0 => What::Runs(domain),
                2 => What::Blocks(domain),
                _ => What::Other(event),
            },
            RUNSTATE_CONTINUE => What::Runs(domain),
            PV_HYPERCALL | PV_SUBCALL => What::Dom0(first & 0xf_ffff),
            HVM_EXIT if first == VMMCALL || first == VMCALL => What::Guest(ANY),
            HVM_EXIT => What::Exit(first),
            _ => What::Other(event),
        };
        records.push(Record { cycles: u64::from(high) << 32 | u64::from(low), what });
    }
    records
}

/// The windows between the parent's rests.
fn windows(records: &[Record], parent: u16) -> Vec<Fork> {
    let wakes: Vec<usize> = (0..records.len()).filter(|i| records[*i].what == What::Runs(parent)).collect();
    let blocks: Vec<usize> =
        (0..records.len()).filter(|i| records[*i].what == What::Blocks(parent)).collect();
    let mut forks = Vec::new();
    let mut begun = None;
    for block in blocks {
        let next = wakes.iter().find(|wake| **wake > block);
        let Some(next) = next else { break };
        if records[*next].cycles - records[block].cycles < REST {
            continue;
        }
        if let Some(begin) = begun {
            forks.push(window(&records[begin..=block], parent));
        }
        begun = Some(*next);
    }
    forks
}

fn window(records: &[Record], first: u16) -> Fork {
    let mut fork = Fork::default();
    let begin = records[0].cycles;
    let (mut running, mut since) = (first, begin);
    for record in records {
        let at = record.cycles - begin;
        let text = match record.what {
            What::Runs(domain) => {
                *fork.ran.entry(running).or_default() += record.cycles - since;
                (running, since) = (domain, record.cycles);
                format!("--- domain {domain} runs")
            }
            What::Blocks(domain) => format!("    domain {domain} blocks"),
            What::Guest(call) => {
                *fork.calls.entry((running, call)).or_default() += 1;
                format!("{running}: {}", name(call))
            }
            What::Dom0(call) if is_instruction(call) => {
                fork.instructions += 1;
                format!("0: ({})", name(call))
            }
            What::Dom0(call) => {
                *fork.calls.entry((0, call)).or_default() += 1;
                format!("0: {}", name(call))
            }
            What::Exit(code) => format!("{running}: exit {code:#x}"),
            What::Other(event) => format!("    event {event:#x}"),
        };
        fork.story.push(format!("{:>9} {text}", at));
    }
    let end = records.last().map_or(begin, |last| last.cycles);
    *fork.ran.entry(running).or_default() += end - since;
    fork.cycles = end - begin;
    fork
}

/// The middle one by time.
pub fn middle(forks: &[Fork]) -> &Fork {
    let mut order: Vec<&Fork> = forks.iter().collect();
    order.sort_by_key(|fork| fork.cycles);
    order[order.len() / 2]
}

/// Prints the middle one of some forks, step by step.
pub fn tell(forks: &[Fork]) {
    let fork = middle(forks);
    fork.story.iter().for_each(|line| println!("{line}"));
    for ((domain, call), count) in &fork.calls {
        println!("domain {domain}: {count} x {}", name(*call));
    }
    println!("dom0's in place of instructions: {}", fork.instructions);
    for (domain, cycles) in &fork.ran {
        println!("domain {domain} ran {cycles} cycles");
    }
    for fork in forks {
        println!("{} cycles, {} hypercalls", fork.cycles, fork.total());
    }
}
