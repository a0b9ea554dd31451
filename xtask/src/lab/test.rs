//! `lab test`: what is run in the lab, one after the other, each with an eye on what Xen has left afterwards.
//!
//! To add a test, add a row to [`TESTS`]: a shell line that runs in dom0, and is passed when its status is 0.

use std::time::{Duration, Instant};

use anyhow::Result;
use compat_tests::args::RunArgs;

use super::Lab;
use super::job::Job;
use crate::repo::Repo;
use crate::tally::{Tally, parse_closing};

/// A test in dom0.
struct Test {
    name: &'static str,
    /// A shell line; it runs in the repository's folder, with the built programs on the PATH.
    line: &'static str,
    seconds: u64,
}

/// Children whose parents end first, ten deep.
const ORPHANS: &str = r#"test "$(offshoot run --platform xen -- /bin/busybox sh -c '
    x=kept; deep() { if [ $1 = 0 ]; then sleep 1; echo $x; else (deep $(($1 - 1))) & fi; }; deep 10 | cat')" = kept"#;
/// `xl` sees members by name, may pause them, and an operator's `xl destroy` is a SIGKILL.
const OPERATOR: &str = r#"
    offshoot run --platform xen --name op -- /bin/busybox sh -c 'sleep 100 & wait $!; echo $? >/dev/stdout' >/tmp/op 2>&1 &
    for i in $(seq 50); do xl domid op.2 >/dev/null 2>&1 && break; usleep 200000; done
    xl pause op.2 && xl unpause op.2 && offshoot tree op | grep -q "domain $(xl domid op.2)" || exit 1
    xl destroy op.2; wait; grep -q 137 /tmp/op"#;
/// The next command removes what a killed monitor has left.
const KILLED: &str = r#"
    offshoot run --platform xen --name gone -- /bin/busybox sleep 100 & monitor=$!
    for i in $(seq 50); do xl domid gone.1 >/dev/null 2>&1 && break; usleep 200000; done
    kill -9 $monitor; wait; xl domid gone.1 >/dev/null || exit 1; offshoot ps 2>/dev/null; ! xl domid gone.1 >/dev/null 2>&1"#;
/// A family that is told to end leaves nothing.
const TOLD: &str = r#"
    offshoot run --platform xen --name told -- /bin/busybox sleep 100 & monitor=$!
    for i in $(seq 50); do xl domid told.1 >/dev/null 2>&1 && break; usleep 200000; done
    kill -TERM $monitor; wait $monitor; test $? = 143"#;

const TESTS: [Test; 8] = [
    Test { name: "xenctl", line: "xenctl-selftest", seconds: 120 },
    Test {
        name: "busybox",
        line: "cd /; test \"$($OFFSHOOT run /bin/busybox sh -c 'echo a | busybox cat; busybox true && exit 5' | cat)\" = a; \
               $OFFSHOOT run /bin/busybox sh -c 'exit 5'; test $? = 5",
        seconds: 60,
    },
    Test { name: "orphans", line: ORPHANS, seconds: 180 },
    Test { name: "operator", line: OPERATOR, seconds: 120 },
    Test { name: "killed monitor", line: KILLED, seconds: 120 },
    Test { name: "told to end", line: TOLD, seconds: 120 },
    Test { name: "bash", line: "bash ports/bash/smoke.sh", seconds: 300 },
    Test {
        name: "cases",
        line: "cd /; offshoot-compat-tests run --offshoot $OFFSHOOT --out $LAB_COMPAT --jobs 1 \
               --cases $OLDPWD/compat-tests/cases --expectations $OLDPWD/compat-tests/expectations/xen.toml",
        seconds: 1800,
    },
];

/// Runs the tests whose names contain one of these words, or all.
pub fn run(repo: &Repo, lab: &Lab, only: &[String]) -> Result<Tally> {
    compile_cases(repo)?;
    let mut tally = Tally::default();
    for test in TESTS
        .iter()
        .filter(|test| only.is_empty() || only.iter().any(|word| test.name.contains(word.as_str())))
    {
        let started = Instant::now();
        let before = leftovers(lab)?;
        let job = Job {
            script: test.line.to_owned(),
            timeout: Some(Duration::from_secs(test.seconds)),
            shown: true,
        };
        let outcome = lab.run(&job).map_err(|error| format!("{error:#}")).and_then(|outcome| {
            // A program that counts its own checks says how many they were.
            let counted = outcome.output.lines().next_back().and_then(parse_closing);
            match (outcome.status, counted) {
                (0, Some((passed, 0))) => Ok(passed),
                (0, None) => Ok(1),
                (status, _) => Err(format!("status {status}")),
            }
        });
        let outcome = outcome.and_then(|passed| match leftovers(lab) {
            Ok(after) if after == before => Ok(passed),
            Ok(after) => Err(format!("left behind: before {before}; after {after}")),
            Err(error) => Err(format!("{error:#}")),
        });
        let seconds = started.elapsed().as_secs_f64();
        let name = format!("{} ({seconds:.1} s)", test.name);
        tally.passed += outcome.as_ref().map_or(0, |passed| passed - 1);
        tally.note(&name, outcome.map(drop));
    }
    Ok(tally)
}

/// Compiles the cases with the host's compilers, by running them natively; dom0 has none.
fn compile_cases(repo: &Repo) -> Result<()> {
    let everything = RunArgs {
        offshoot: None,
        filter: None,
        area: Vec::new(),
        jobs: 2,
        native_only: true,
        json: None,
        list: false,
        cases: Some(repo.root.join("compat-tests/cases")),
        expectations: None,
        out: repo.target.join("compat"),
    };
    // A case that fails natively here is judged there.
    compat_tests::run::run(&everything).map(drop)
}

/// What must be the same before and after a test: domains, and nodes in xenstore.
fn leftovers(lab: &Lab) -> Result<String> {
    let line = "xl list | sed 1d | awk '{print $1}' | tr '\\n' ' '; xenstore-list /local/domain | tr '\\n' ' '; \
                xenstore-list /vm 2>/dev/null | wc -l";
    let job = Job { script: line.to_owned(), timeout: Some(Duration::from_secs(60)), shown: false };
    Ok(lab.run(&job)?.output.trim().to_owned())
}
