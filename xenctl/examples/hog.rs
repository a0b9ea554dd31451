//! Takes Xen's free memory, but for as many MiB as its argument says, and keeps it until its input ends.

use std::error::Error;
use std::io::{self, Read};

use offshoot_xenctl::build::{Recipe, holder};
use offshoot_xenctl::{DomainConfig, PAGE, Xen};

/// Frames of a MiB.
const MIB: u64 = (1 << 20) / PAGE as u64;
/// The first frame.
const FIRST: u64 = 512;

fn main() -> Result<(), Box<dyn Error>> {
    let left: u64 = std::env::args().nth(1).ok_or("want: how many MiB stay free")?.parse()?;
    let xen = Xen::open()?;
    let config = DomainConfig { uuid: [0xf2; 16], ..DomainConfig::default() };
    // Room for the tables of as much as there may be: 8 bytes a frame, and some.
    let paging_pool = Some(16 << 20);
    let max_pages = u64::from(u32::MAX);
    let recipe = Recipe { config, max_pages, paging_pool, console: false, store: false, ..Recipe::default() };
    let domain = holder(&xen, &recipe)?;
    let mut next = FIRST;
    let outcome = (|| {
        while xen.host_memory()?.free > left * MIB {
            let gfns: Vec<u64> = (next..next + MIB).collect();
            // Tables for the frames may take what was left.
            if xen.populate(domain, &gfns, 0).is_err() {
                break;
            }
            next += MIB;
        }
        println!("holds {} MiB", (next - FIRST) / MIB);
        io::stdin().read_to_end(&mut Vec::new())?;
        Ok(())
    })();
    xen.destroy(domain)?;
    outcome
}
