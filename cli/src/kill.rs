//! `offshoot kill`.

use anyhow::{Result, anyhow};
use serde_json::json;

use crate::args::KillArgs;
use crate::proc_state::{ask, find};

/// Sends the signal to each target; goes on after failures, and tells the first.
pub fn kill(args: &KillArgs) -> Result<u8> {
    let mut failure = None;
    for (family, pid) in targets(&args.targets)? {
        if let Err(e) = send(family, pid, args.signal) {
            failure.get_or_insert(e);
        }
    }
    failure.map_or(Ok(0), Err)
}

/// Families, each with the process meant; none: its first program.
fn targets(words: &[String]) -> Result<Vec<(&str, Option<u32>)>> {
    let mut targets: Vec<(&str, Option<u32>)> = Vec::new();
    for word in words {
        if let Some((family, pid)) = word.split_once('/') {
            let pid = pid.parse().map_err(|_| anyhow!("{word}: write FAMILY or FAMILY/PID"))?;
            targets.push((family, Some(pid)));
            continue;
        }
        match (word.parse().ok(), targets.last_mut()) {
            // A number after a family is one of its processes.
            (Some(pid), Some(last)) if last.1.is_none() => last.1 = Some(pid),
            (Some(pid), Some(&mut (family, _))) => targets.push((family, Some(pid))),
            _ => targets.push((word, None)),
        }
    }
    Ok(targets)
}

fn send(family: &str, pid: Option<u32>, signal: u32) -> Result<()> {
    ask(&find(family)?, &json!({ "op": "kill", "pid": pid, "signal": signal })).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_after_a_family_are_its_processes() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let of = |text: &str| {
            let words = words(text);
            let found = targets(&words).expect("targets");
            found.into_iter().map(|(f, p)| (f.to_owned(), p)).collect::<Vec<_>>()
        };
        assert_eq!(of("a"), [("a".to_owned(), None)]);
        assert_eq!(of("a b/7"), [("a".to_owned(), None), ("b".to_owned(), Some(7))]);
        assert_eq!(of("12 7 8"), [("12".to_owned(), Some(7)), ("12".to_owned(), Some(8))]);
        assert!(targets(&words("a/x")).is_err());
    }
}
