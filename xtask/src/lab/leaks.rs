//! What Xen and dom0 hold, before a test and after it: nothing may be left.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::Lab;
use super::job::Job;

/// How much less of Xen's memory may be free afterwards, in MiB: what `xl` tells is rounded.
const TOLERANCE: u64 = 1;
/// How long Xen may take to free what a dead domain had.
const SETTLES: Duration = Duration::from_secs(15);

/// One line for each kind of thing that may leak, in dom0. The debug key `g` has Xen print the grants that are in use.
const LOOK: &str = "echo free $(xl info free_memory); \
    echo domains $(xl list | sed 1d | awk '{print $1}'); \
    echo nodes $(xenstore-ls -f / | grep -cE '^/(local/domain|vm|libxl)/.'); \
    echo channels $(lsevtchn 0 | grep -v unused | awk '{print $2, $3, $4, $5}' | wc -l); \
    xl dmesg -c >/dev/null; xl debug-keys g; echo grants $(xl dmesg -c | grep -c 'grant-table for')";

/// What there is.
pub struct Holdings {
    free: u64,
    /// The other lines, as they were printed.
    things: Vec<String>,
}

impl Holdings {
    /// Asks.
    pub fn of(lab: &Lab) -> Result<Holdings> {
        let job = Job {
            script: LOOK.to_owned(),
            timeout: Some(Duration::from_secs(60)),
            shown: false,
            signals: None,
        };
        let output = lab.run(&job)?.output;
        let (first, rest) = output.split_once('\n').context("the lab tells nothing about itself")?;
        let free = first.strip_prefix("free ").and_then(|n| n.trim().parse().ok());
        let free = free.context("xl does not tell how much memory is free")?;
        Ok(Holdings { free, things: rest.lines().map(str::to_owned).collect() })
    }

    /// Waits until nothing changes any more: a lab that has just been booted, or a test's last traces.
    pub fn settled(lab: &Lab) -> Result<Holdings> {
        let deadline = Instant::now() + SETTLES;
        let mut before = Holdings::of(lab)?;
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = Holdings::of(lab)?;
            if now.free == before.free && now.things == before.things || Instant::now() > deadline {
                return Ok(now);
            }
            before = now;
        }
    }

    /// Nothing if, soon, all is as it was; or else what differs.
    pub fn check(&self, lab: &Lab) -> Result<Option<String>> {
        let deadline = Instant::now() + SETTLES;
        loop {
            let after = Holdings::of(lab)?;
            let different = self.compare(&after);
            if different.is_none() || Instant::now() > deadline {
                return Ok(different);
            }
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn compare(&self, after: &Holdings) -> Option<String> {
        let mut text = String::new();
        if after.free + TOLERANCE < self.free {
            let _ = write!(text, "{} MiB less are free; ", self.free - after.free);
        }
        for (before, after) in self.things.iter().zip(&after.things).filter(|(before, after)| before != after)
        {
            let _ = write!(text, "before: {before}, after: {after}; ");
        }
        (!text.is_empty()).then(|| format!("left behind: {}", text.trim_end_matches("; ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_is_named() {
        let held =
            |free, nodes: &str| Holdings { free, things: vec!["domains Domain-0".into(), nodes.into()] };
        assert_eq!(held(100, "nodes 7").compare(&held(99, "nodes 7")), None);
        let left = held(100, "nodes 7").compare(&held(90, "nodes 9")).unwrap();
        assert_eq!(left, "left behind: 10 MiB less are free; before: nodes 7, after: nodes 9");
    }
}
