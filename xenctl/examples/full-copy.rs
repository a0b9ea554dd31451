//! What a clone by full copy costs: nanoseconds to give a domain memory and to copy another one's pages into it. That is the
//! least that a clone without copy-on-write does; making the domain is not counted.

use std::error::Error;
use std::time::Instant;

use offshoot_xenctl::build::{Recipe, holder};
use offshoot_xenctl::{DomId, DomainConfig, ForeignMap, PAGE, Xen};

/// Pages of 64 MiB.
const PAGES: u64 = 16_384;
/// A 2 MiB extent, which is what a builder asks for.
const ORDER: u32 = 9;
/// Pages mapped and copied at a time.
const BATCH: u64 = 512;
/// The first frame: all extents are aligned.
const FIRST: u64 = 1 << ORDER;

fn main() -> Result<(), Box<dyn Error>> {
    let xen = Xen::open()?;
    let make = |n: u8| {
        let config = DomainConfig { uuid: [n; 16], ..DomainConfig::default() };
        let max_pages = FIRST + PAGES + BATCH;
        let recipe = Recipe { config, max_pages, console: false, store: false, ..Recipe::default() };
        holder(&xen, &recipe)
    };
    let from = make(0xf0)?;
    let copied = make(0xf1).map_err(Into::into).and_then(|to| {
        let copied = populate(&xen, from).and_then(|()| {
            let start = Instant::now();
            populate(&xen, to)?;
            copy(&xen, from, to)?;
            Ok(start.elapsed())
        });
        xen.destroy(to)?;
        copied
    });
    xen.destroy(from)?;
    println!("full-copy-64MiB {}", copied?.as_nanos());
    Ok(())
}

fn populate(xen: &Xen, domain: DomId) -> Result<(), Box<dyn Error>> {
    let extents: Vec<u64> = (FIRST..FIRST + PAGES).step_by(1 << ORDER).collect();
    Ok(xen.populate(domain, &extents, ORDER)?)
}

fn copy(xen: &Xen, from: DomId, to: DomId) -> Result<(), Box<dyn Error>> {
    let mut page = vec![0; PAGE];
    for first in (FIRST..FIRST + PAGES).step_by(BATCH as usize) {
        let gfns: Vec<u64> = (first..first + BATCH).collect();
        let (source, target) = (ForeignMap::new(xen, from, &gfns)?, ForeignMap::new(xen, to, &gfns)?);
        for offset in (0..BATCH as usize * PAGE).step_by(PAGE) {
            source.read(offset, &mut page);
            target.write(offset, &page);
        }
    }
    Ok(())
}
