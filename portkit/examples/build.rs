//! Builds the roots of the ports named on the command line, and prints their folders.

use offshoot_portkit::{Cache, Port, Progress, build_root};

fn main() -> anyhow::Result<()> {
    let (cache, progress) = (Cache::open_default()?, Progress::stderr());
    for name in std::env::args().skip(1) {
        println!("{}", build_root(&Port::find(&name)?, &cache, &progress)?.path().display());
    }
    Ok(())
}
