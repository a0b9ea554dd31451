//! `run`: every chosen case natively, then hosted, and the comparison.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::{env, fs};

use anyhow::{Context, Result, bail};

use crate::args::RunArgs;
use crate::case::{self, Case};
use crate::exec::{self, Finished};
use crate::expect::{self, Expectations};
use crate::report::{self, Outcome, Verdict};
use crate::tempdir::TempDir;
use crate::{compile, diff, header, tree};

/// The environment of every case, so that both sides see the same.
const ENVIRONMENT: [(&str, &str); 4] =
    [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("HOME", "/"), ("LC_ALL", "C"), ("TERM", "dumb")];

/// Names a folder with a root's files that a case may change: hosted the root itself, as it is a scratch layer there.
const SCRATCH_ROOT: &str = "SCRATCH_ROOT";

struct Session {
    offshoot: Option<PathBuf>,
    out: PathBuf,
    expected: Expectations,
    patience: u32,
    lenient: bool,
}

/// One side's observations.
struct Seen {
    finished: Finished,
    tree: String,
}

/// Runs the chosen cases; true if all went as expected.
pub fn run(args: &RunArgs) -> Result<bool> {
    let Some(outcomes) = outcomes(args)? else { return Ok(true) };
    if let Some(path) = &args.json {
        report::write_json(path, &outcomes)?;
    }
    Ok(report::summary(&outcomes))
}

/// Whether any case is chosen.
pub(crate) fn any(args: &RunArgs) -> Result<bool> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    Ok(case::discover(args.cases.as_ref().unwrap_or(&root))?.iter().any(|case| chosen(case, args)))
}

/// What the chosen cases showed; none if they are only listed.
pub(crate) fn outcomes(args: &RunArgs) -> Result<Option<Vec<Outcome>>> {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = args.cases.clone().unwrap_or_else(|| crate_dir.join("cases"));
    // Cases run in folders of their own: a relative path would lead nowhere from there.
    let root = root.canonicalize().with_context(|| format!("no cases at {}", root.display()))?;
    let all = case::discover(&root)?;
    let expectations = crate_dir.join("expectations/hosted.toml");
    let expected = expect::read(args.expectations.as_ref().unwrap_or(&expectations))?;
    if let Some(unknown) =
        expected.keys().find(|name| args.cases.is_none() && !all.iter().any(|c| c.name == **name))
    {
        bail!("expectations/hosted.toml lists `{unknown}`, which is no case");
    }
    let mut cases: Vec<Case> = all.into_iter().filter(|case| chosen(case, args)).collect();
    if let Some((i, n)) = args.share {
        // Variants of a case lie side by side, and take about as long: so each share has some of them.
        cases = cases.into_iter().skip(i - 1).step_by(n).collect();
    }
    if cases.is_empty() {
        bail!("no case matches; `--list` without a filter shows all");
    }
    if args.list {
        cases.iter().for_each(|case| println!("{}", case.name));
        return Ok(None);
    }
    fs::create_dir_all(&args.out).with_context(|| format!("cannot create {}", args.out.display()))?;
    let offshoot = match &args.offshoot {
        Some(path) if !args.native_only => {
            Some(path.canonicalize().with_context(|| format!("no offshoot command at {}", path.display()))?)
        }
        _ => None,
    };
    let session = Session {
        offshoot,
        out: args.out.canonicalize()?,
        expected,
        patience: args.patience.max(1),
        lenient: args.lenient,
    };
    Ok(Some(run_all(&session, &cases, args.jobs.max(1))))
}

fn chosen(case: &Case, args: &RunArgs) -> bool {
    (args.filter.is_empty() || args.filter.iter().any(|text| case.name.contains(text.as_str())))
        && (args.area.is_empty() || args.area.contains(&case.area))
}

fn run_all(session: &Session, cases: &[Case], jobs: usize) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = session.judge(case);
                    let mut outcomes = outcomes.lock().unwrap_or_else(|poison| poison.into_inner());
                    outcome.print();
                    outcomes.push(outcome);
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().unwrap_or_else(|poison| poison.into_inner());
    outcomes.sort_by(|a, b| a.name.cmp(&b.name));
    outcomes
}

impl Session {
    fn judge(&self, case: &Case) -> Outcome {
        let mut outcome = Outcome {
            name: case.name.clone(),
            verdict: Verdict::Pass,
            native: None,
            hosted: None,
            checks: 0,
        };
        let found =
            self.compare(case, &mut outcome).unwrap_or_else(|error| Verdict::Fail(format!("{error:#}")));
        // Expectations speak of hosted runs only: a native failure is the case's own fault.
        let reason = self.expected.get(&case.name).filter(|_| outcome.hosted.is_some());
        outcome.verdict = match (found, reason) {
            (Verdict::Unfit(why), _) if !self.lenient && !too_old(case) => Verdict::Fail(why),
            (Verdict::Fail(_), Some(reason)) => Verdict::Expected(reason.clone()),
            (Verdict::Pass, Some(reason)) => {
                Verdict::Fail(format!("passes, but is expected to fail: {reason}\ntake it off the list"))
            }
            (found, _) => found,
        };
        outcome
    }

    /// Passed if both sides agree.
    fn compare(&self, case: &Case, outcome: &mut Outcome) -> Result<Verdict> {
        if let Some((major, minor)) = case.header.linux.filter(|_| too_old(case)) {
            return Ok(Verdict::Unfit(format!("needs Linux {major}.{minor} natively")));
        }
        let program = compile::program(case, &self.out)?;
        let native = self.native(case, &program)?;
        outcome.native = Some(native.finished.took);
        outcome.checks =
            native.finished.stdout.split(|b| *b == b'\n').filter(|line| line.starts_with(b"ok ")).count();
        if native.finished.timed_out || native.finished.status != case.header.exit {
            return Ok(Verdict::Unfit(format!(
                "invalid case: fails natively\n{}",
                describe(&native.finished)
            )));
        }
        let Some(offshoot) = &self.offshoot else { return Ok(Verdict::Pass) };
        let hosted = self.hosted(offshoot, case, &program)?;
        outcome.hosted = Some(hosted.finished.took);
        Ok(difference(&native, &hosted, case.header.any_order).map_or(Verdict::Pass, Verdict::Fail))
    }

    fn native(&self, case: &Case, program: &[String]) -> Result<Seen> {
        let scratch = TempDir::new("native")?;
        let mut command = Command::new(&program[0]);
        command.args(&program[1..]).args(&case.header.args).current_dir(scratch.path());
        command.env_clear().envs(ENVIRONMENT).env(SCRATCH_ROOT, ".");
        self.observe(command, case, &scratch)
    }

    fn hosted(&self, offshoot: &Path, case: &Case, program: &[String]) -> Result<Seen> {
        let scratch = TempDir::new("hosted")?;
        let mut command = Command::new(offshoot);
        command
            .arg("run")
            .arg("-v")
            .arg(format!("{}:/scratch", scratch.path().display()))
            .args(["-w", "/scratch"]);
        for (key, value) in ENVIRONMENT {
            command.arg("-e").arg(format!("{key}={value}"));
        }
        command.arg("-e").arg(format!("{SCRATCH_ROOT}=/"));
        command.arg("--").args(program).args(&case.header.args);
        command.env_clear().envs(ENVIRONMENT);
        // Where the command itself keeps its run-time files.
        for key in ["XDG_RUNTIME_DIR", "TMPDIR", "RUST_BACKTRACE"] {
            if let Some(value) = env::var_os(key) {
                command.env(key, value);
            }
        }
        self.observe(command, case, &scratch)
    }

    fn observe(&self, command: Command, case: &Case, scratch: &TempDir) -> Result<Seen> {
        let finished = exec::run(command, &case.header.stdin, case.header.timeout * self.patience)?;
        let tree = tree::snapshot(scratch.path())?;
        Ok(Seen { finished, tree })
    }
}

/// Does this machine's kernel lack what the case looks at?
fn too_old(case: &Case) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    case.header.linux.is_some_and(|needed| header::version(&release).is_some_and(|ours| ours < needed))
}

fn difference(native: &Seen, hosted: &Seen, any_order: bool) -> Option<String> {
    let mut parts = Vec::new();
    if hosted.finished.timed_out {
        parts.push(format!("still running after {} s: killed", hosted.finished.took.as_secs()));
    } else if native.finished.status != hosted.finished.status {
        parts.push(format!(
            "exit status {} natively, {} hosted",
            native.finished.status, hosted.finished.status
        ));
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let [on_native, on_hosted] = [native, hosted].map(|seen| {
        let all = text(&seen.finished.stdout);
        if any_order { sorted(&all) } else { all }
    });
    let output = diff::excerpt(&on_native, &on_hosted);
    if !output.is_empty() {
        parts.push(format!("output:\n{output}"));
    } else if !any_order && native.finished.stdout != hosted.finished.stdout {
        parts.push("output: differs in bytes that are not text".to_owned());
    }
    let tree = diff::excerpt(&native.tree, &hosted.tree);
    if !tree.is_empty() {
        parts.push(format!("file tree:\n{tree}"));
    }
    if parts.is_empty() {
        return None;
    }
    let stderr = tail(&text(&hosted.finished.stderr), 12);
    if !stderr.is_empty() {
        parts.push(format!("hosted stderr:\n{stderr}"));
    }
    Some(parts.join("\n"))
}

fn sorted(text: &str) -> String {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines.join("\n")
}

fn describe(finished: &Finished) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = text(&finished.stdout);
    let wrong: Vec<&str> = all.lines().filter(|line| line.starts_with("not ok")).collect();
    let how = if finished.timed_out { "timed out" } else { "ended" };
    format!(
        "{how} with status {} after {:.1} s\n{}\nlast output:\n{}\nstderr:\n{}",
        finished.status,
        finished.took.as_secs_f64(),
        wrong.join("\n"),
        tail(&all, 6),
        tail(&text(&finished.stderr), 12)
    )
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
