//! `offshoot kill`.

use anyhow::{Result, anyhow};
use serde_json::json;

use crate::args::KillArgs;
use crate::proc_state::{ask, find};

/// Sends the signal to each target; goes on after failures, and tells the first.
pub fn kill(args: &KillArgs) -> Result<u8> {
    let mut failure = None;
    for target in &args.targets {
        if let Err(e) = send(target, args.signal) {
            failure.get_or_insert(e);
        }
    }
    failure.map_or(Ok(0), Err)
}

fn send(target: &str, signal: u32) -> Result<()> {
    let (name, pid) = match target.split_once('/') {
        Some((name, pid)) => {
            let pid: u32 = pid.parse().map_err(|_| anyhow!("{target}: write FAMILY or FAMILY/PID"))?;
            (name, Some(pid))
        }
        None => (target, None),
    };
    ask(&find(name)?, &json!({ "op": "kill", "pid": pid, "signal": signal })).map(drop)
}
