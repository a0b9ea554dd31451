//! The crates' own tests: cargo's, summed up.

use anyhow::Result;

use crate::repo::Repo;
use crate::shell;
use crate::tally::Tally;

/// Runs the tests of every crate of the workspace.
pub fn run(repo: &Repo) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut command = repo.cargo(&["test", "--workspace", "--no-fail-fast"]);
    let status = shell::stream(&mut command, |line| {
        if let Some((passed, failed)) = parse_result(line) {
            tally.passed += passed;
            tally.failed += failed;
        } else if let Some(name) =
            line.strip_prefix("test ").and_then(|rest| rest.strip_suffix(" ... FAILED"))
        {
            tally.failures.push(name.to_owned());
        }
    })?;
    if !status.success() && tally.failed == 0 {
        tally.fail(format!("cargo test: {status}"));
    }
    Ok(tally)
}

/// The counts of `test result: ok. 14 passed; 0 failed; ...`.
fn parse_result(line: &str) -> Option<(usize, usize)> {
    let counts = line.strip_prefix("test result: ")?.split_once(". ")?.1;
    let mut numbers = counts.split("; ").map(|part| part.split(' ').next().unwrap_or_default().parse());
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::parse_result;

    #[test]
    fn reads_cargos_sums() {
        let line = "test result: FAILED. 14 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(parse_result(line), Some((14, 2)));
        assert_eq!(parse_result("test a::b ... ok"), None);
    }
}
