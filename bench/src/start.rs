//! From the start of the command to the main of a program: a whole family comes into being.

use std::path::Path;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

use crate::compile::Link;
use crate::figure::{Figure, Must};
use crate::side::{Bench, Side};

/// To the main of a static program.
pub fn static_program(bench: &Bench) -> Result<Figure> {
    let binary = bench.program("start", Link::Static)?;
    let must = Some(Must::AtMost(30.0));
    measure(bench, "start", "start of a family to a static main", &binary, must)
}

/// To the main of a program that its own ld.so links first.
pub fn dynamic_program(bench: &Bench) -> Result<Figure> {
    let binary = bench.program("start", Link::Dynamic)?;
    measure(bench, "start-dynamic", "start of a family to a dynamic main", &binary, None)
}

fn measure(
    bench: &Bench,
    name: &'static str,
    what: &'static str,
    binary: &Path,
    must: Option<Must>,
) -> Result<Figure> {
    let once = |side: Side| {
        let before = clock_gettime(ClockId::Realtime);
        let before = before.tv_sec as f64 * 1e9 + before.tv_nsec as f64;
        Ok((bench.number(side, binary, &[])? - before) / 1e6)
    };
    // The first start reads the files into the host's cache.
    once(Side::Native)?;
    once(Side::Hosted)?;
    let (native, hosted) = bench.in_turn(once)?;
    Ok(Figure { name, what, unit: "ms", native, hosted, runsc: bench.runsc(once), must })
}
