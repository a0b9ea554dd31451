//! Signals of a terminal or a supervisor, for the command that runs in the lab.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// Those that are passed on, as kill(1) calls them.
const PASSED_ON: [(i32, &str); 3] = [(SIGINT, "INT"), (SIGTERM, "TERM"), (SIGHUP, "HUP")];

/// Catches them from now on; the process itself no longer ends by them.
pub struct Signals(Arc<AtomicUsize>);

impl Signals {
    /// Begins to catch.
    pub fn catch() -> Result<Signals> {
        let last = Arc::new(AtomicUsize::new(0));
        for (number, name) in PASSED_ON {
            signal_hook::flag::register_usize(number, last.clone(), number as usize)
                .with_context(|| format!("cannot catch SIG{name}"))?;
        }
        Ok(Signals(last))
    }

    /// The last one that came since this was asked.
    pub fn take(&self) -> Option<&'static str> {
        let number = self.0.swap(0, Ordering::Relaxed);
        PASSED_ON.iter().find(|(known, _)| *known as usize == number).map(|(_, name)| *name)
    }
}
