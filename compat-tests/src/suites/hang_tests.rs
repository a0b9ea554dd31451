//! A module that hangs is ended at its limit with all that it started, its records up to there count, and what runs beside
//! it notices nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::job::END;
use super::{Job, Outcome, Reading, Seen};
use crate::exec;
use crate::tempdir::TempDir;

/// One test passes; the next never ends, and neither does what it started in a session of its own.
const HANGS: &str = r#"
echo '{"name":"A.one","outcome":"start"}' >> "$1/records"
echo '{"name":"A.one","outcome":"pass"}' >> "$1/records"
echo '{"name":"A.two","outcome":"start"}' >> "$1/records"
setsid sh -c 'trap "" HUP INT TERM; echo $$ > "$1/pid"; sleep 600; sleep 600' sh "$1" &
trap "" HUP INT TERM
while :; do sleep 600; done
"#;
const PASSES: &str = r#"
echo '{"name":"B.one","outcome":"start"}' >> "$1/records"
sleep 2
echo '{"name":"B.one","outcome":"pass"}' >> "$1/records"
"#;

fn run(script: &str, limit: Duration, out: &Path) -> Vec<Seen> {
    let job = Job {
        area: "test_module".to_owned(),
        name: "test_module".to_owned(),
        command: Vec::new(),
        workdir: "/".to_owned(),
        env: Vec::new(),
        limit,
        reading: Reading::Records,
        short: false,
    };
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(out);
    let finished = exec::run(command, b"", limit).unwrap();
    job.read(&finished, finished.timed_out, out)
}

/// Whether a process is gone, or waits for its parent only.
fn is_over(pid: &str) -> bool {
    match fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')),
        Err(_) => true,
    }
}

#[test]
fn a_module_that_hangs_is_killed_and_harms_no_other() {
    let [hanging, passing] = [(); 2].map(|()| TempDir::new("hang").unwrap());
    let (hung, passed) = thread::scope(|scope| {
        let other = scope.spawn(|| run(PASSES, Duration::from_secs(60), passing.path()));
        (run(HANGS, Duration::from_secs(1), hanging.path()), other.join().unwrap())
    });
    let outcome =
        |seen: &[Seen], name: &str| seen.iter().find(|one| one.name == name).map(|one| one.outcome.clone());
    assert_eq!(outcome(&hung, "A.one"), Some(Outcome::Pass), "what it did before counts");
    assert_eq!(outcome(&hung, "A.two"), Some(Outcome::Hang));
    assert_eq!(outcome(&hung, END), Some(Outcome::Hang));
    assert_eq!(outcome(&passed, "B.one"), Some(Outcome::Pass));
    assert_eq!(outcome(&passed, END), Some(Outcome::Pass));
    let pid = fs::read_to_string(hanging.path().join("pid")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !is_over(pid.trim()) {
        assert!(Instant::now() < deadline, "process {pid} of the module that hung is still there");
        thread::sleep(Duration::from_millis(10));
    }
}
