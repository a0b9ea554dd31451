//! Measurements that are one program each.

use anyhow::Result;

use crate::compile::Link;
use crate::figure::{Figure, Must};
use crate::side::Bench;

struct Program {
    name: &'static str,
    what: &'static str,
    unit: &'static str,
    source: &'static str,
    args: &'static [&'static str],
    must: Option<Must>,
}

fn measure(bench: &Bench, program: Program) -> Result<Figure> {
    let binary = bench.program(program.source, Link::Dynamic)?;
    let (native, hosted) = bench.in_turn(|side| bench.number(side, &binary, program.args))?;
    let runsc = bench.runsc(|side| bench.number(side, &binary, program.args));
    Ok(Figure {
        name: program.name,
        what: program.what,
        unit: program.unit,
        native,
        hosted,
        runsc,
        must: program.must,
    })
}

/// A warm system call that needs no other process.
pub fn getppid(bench: &Bench) -> Result<Figure> {
    measure(
        bench,
        Program {
            name: "getppid",
            what: "getppid at a warm site",
            unit: "ns",
            source: "getppid",
            args: &[],
            must: Some(Must::RatioAtMost(0.5)),
        },
    )
}

/// fork, exit and wait of a small process.
pub fn fork_small(bench: &Bench) -> Result<Figure> {
    measure(
        bench,
        Program {
            name: "fork-1m",
            what: "fork + exit + wait, 1 MiB touched",
            unit: "µs",
            source: "fork",
            args: &["1", "400"],
            must: Some(Must::RatioAtMost(2.5)),
        },
    )
}

/// The same with 64 MiB.
pub fn fork_large(bench: &Bench) -> Result<Figure> {
    measure(
        bench,
        Program {
            name: "fork-64m",
            what: "fork + exit + wait, 64 MiB touched",
            unit: "µs",
            source: "fork",
            args: &["64", "150"],
            must: Some(Must::RatioAtMost(1.5)),
        },
    )
}

/// One byte between two processes and back.
pub fn pipe_roundtrip(bench: &Bench) -> Result<Figure> {
    measure(
        bench,
        Program {
            name: "pipe",
            what: "pipe, 1 byte there and back",
            unit: "µs",
            source: "pipe_roundtrip",
            args: &[],
            must: Some(Must::RatioAtMost(1.5)),
        },
    )
}

/// Many bytes between two processes.
pub fn pipe_throughput(bench: &Bench) -> Result<Figure> {
    measure(
        bench,
        Program {
            name: "pipe-throughput",
            what: "pipe, 64 KiB at a time",
            unit: "MiB/s",
            source: "pipe_throughput",
            args: &[],
            must: None,
        },
    )
}
