//! A command of a suite, and how its outcome is read.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::exec::Finished;

/// A command that yields one record or many.
#[derive(Clone, Debug)]
pub struct Job {
    /// A group of tests; figures are given for each. Empty if the command runs tests of several, each with its area before
    /// its name.
    pub area: String,
    /// The command's name within its suite; of a job with one record also the record's.
    pub name: String,
    /// Program and arguments, as seen in the suite's file system.
    pub command: Vec<String>,
    /// Where it starts.
    pub workdir: String,
    /// Variables beside the usual ones.
    pub env: Vec<(String, String)>,
    /// After this time it hangs.
    pub limit: Duration,
    /// How its outcome is read.
    pub reading: Reading,
    /// Whether it belongs to the short part.
    pub short: bool,
}

/// How a job's outcome is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// The exit status, as the Open POSIX Test Suite defines it.
    Posix,
    /// One record: exit status 0 is a pass.
    Status,
    /// Lines `PASS: name`, `FAIL: name`, `SKIPPED: name`, `UNTESTED: name`; `SKIPPED: =area=` says whose tests follow.
    Lines,
    /// Lines of JSON in `/out/records`.
    Records,
}

/// How one test ended on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Fail,
    /// It did not end in time.
    Hang,
    /// It says that it cannot be run, with its reason.
    Skip(String),
    /// It was not reached.
    Absent,
}

impl Outcome {
    /// One word for tables and records.
    pub fn word(&self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "fail",
            Outcome::Hang => "hang",
            Outcome::Skip(_) => "skip",
            Outcome::Absent => "not reached",
        }
    }

    /// Whether it does not pass though it was to run.
    pub fn failed(&self) -> bool {
        matches!(self, Outcome::Fail | Outcome::Hang | Outcome::Absent)
    }

    /// The outcome of this word.
    pub fn of_word(word: &str, reason: &str) -> Outcome {
        match word {
            "pass" => Outcome::Pass,
            "hang" => Outcome::Hang,
            "skip" => Outcome::Skip(reason.to_owned()),
            "not reached" => Outcome::Absent,
            _ => Outcome::Fail,
        }
    }
}

/// One test as one side saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The test's name within its area.
    pub name: String,
    /// How it ended.
    pub outcome: Outcome,
    /// What it wrote.
    pub output: String,
}

/// The record that says whether a job with many records came to its end.
pub const END: &str = "(ends)";
/// How much of an output is kept.
const KEPT: usize = 6000;

impl Job {
    /// The same command for these tests alone where it takes names of tests, otherwise for all of its tests.
    pub fn only(&self, names: &[&str]) -> Job {
        let mut job = self.clone();
        let plain = |name: &&str| name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '.');
        if self.reading == Reading::Records && names.iter().all(plain) {
            job.command.extend(names.iter().map(|name| (*name).to_owned()));
        }
        job
    }

    /// A test's area and its name there.
    pub fn place<'a>(&'a self, name: &'a str) -> (&'a str, &'a str) {
        match self.area.as_str() {
            "" => name.split_once('/').unwrap_or((&self.name, name)),
            area => (area, name),
        }
    }

    /// The records of one finished run.
    pub fn read(&self, finished: &Finished, hung: bool, out: &Path) -> Vec<Seen> {
        let output = last(&text(finished));
        let whole = |outcome| vec![Seen { name: self.name.clone(), outcome, output: output.clone() }];
        match self.reading {
            _ if hung && matches!(self.reading, Reading::Posix | Reading::Status) => whole(Outcome::Hang),
            Reading::Posix => whole(posix(finished.status)),
            Reading::Status => whole(if finished.status == 0 { Outcome::Pass } else { Outcome::Fail }),
            Reading::Lines => self.ended(lines(&text(finished)), finished, hung, &output),
            Reading::Records => {
                let text = fs::read(out.join("records")).unwrap_or_default();
                self.ended(records(&String::from_utf8_lossy(&text)), finished, hung, &output)
            }
        }
    }

    fn ended(&self, mut seen: Vec<Seen>, finished: &Finished, hung: bool, output: &str) -> Vec<Seen> {
        number_doubles(&mut seen);
        // A suite that counts failures in its status has ended; one that a signal ended has not.
        let outcome = match finished.status {
            _ if hung => Outcome::Hang,
            status if status > 125 || seen.is_empty() => Outcome::Fail,
            _ => Outcome::Pass,
        };
        let output = match outcome {
            Outcome::Pass => String::new(),
            _ => format!("exit status {}\n{output}", finished.status),
        };
        seen.push(Seen { name: END.to_owned(), outcome, output });
        seen
    }
}

fn posix(status: i32) -> Outcome {
    match status {
        0 => Outcome::Pass,
        4 => Outcome::Skip("the test says: unsupported".to_owned()),
        5 => Outcome::Skip("the test says: untested".to_owned()),
        _ => Outcome::Fail,
    }
}

fn text(finished: &Finished) -> String {
    let mut text = String::from_utf8_lossy(&finished.stdout).into_owned();
    let errors = String::from_utf8_lossy(&finished.stderr);
    if !errors.is_empty() && !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&errors);
    if finished.status != 0 {
        text.push_str(&format!("\n[exit status {}]\n", finished.status));
    }
    text
}

/// The end of a text, which is where failures are told.
fn last(text: &str) -> String {
    let mut from = text.len().saturating_sub(KEPT);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

/// What stands before a line of the result belongs to it.
fn lines(text: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    let (mut before, mut area) = (String::new(), String::new());
    for line in text.lines() {
        if let Some((name, _)) = line.strip_prefix("SKIPPED: =").and_then(|rest| rest.split_once('=')) {
            area = format!("{name}/");
            before.clear();
            continue;
        }
        let found = ["PASS: ", "FAIL: ", "SKIPPED: ", "UNTESTED: "]
            .iter()
            .find_map(|word| line.strip_prefix(word).map(|name| (*word, name)));
        match found {
            Some((word, name)) => {
                let outcome = match word {
                    "PASS: " => Outcome::Pass,
                    "FAIL: " => Outcome::Fail,
                    _ => Outcome::Skip("not built into Debian's busybox".to_owned()),
                };
                seen.push(Seen { name: format!("{area}{}", name.trim()), outcome, output: last(&before) });
                before.clear();
            }
            None => {
                // A failure's difference follows its line, until a line of signs begins the next test.
                let failed = seen.last_mut().filter(|seen| seen.outcome == Outcome::Fail);
                match failed {
                    Some(failed) if before.is_empty() && !line.starts_with("=====") => {
                        failed.output.push_str(&format!("{line}\n"));
                    }
                    _ => before.push_str(&format!("{line}\n")),
                }
            }
        }
    }
    seen
}

fn records(text: &str) -> Vec<Seen> {
    let mut seen: Vec<Seen> = Vec::new();
    let mut running: Option<String> = None;
    for value in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        let name = field("name");
        match field("outcome").as_str() {
            "start" => running = Some(name),
            word => {
                let detail = field("detail");
                running = running.filter(|started| *started != name);
                seen.push(Seen { name, outcome: Outcome::of_word(word, &detail), output: last(&detail) });
            }
        }
    }
    // The one that was running when all ended.
    if let Some(name) = running {
        let output = "it was running when the module hung or crashed".to_owned();
        seen.push(Seen { name, outcome: Outcome::Hang, output });
    }
    seen
}

/// Suites use some names twice.
fn number_doubles(seen: &mut [Seen]) {
    let mut counts = std::collections::HashMap::new();
    for one in seen {
        let count = counts.entry(one.name.clone()).or_insert(0);
        *count += 1;
        if *count > 1 {
            one.name = format!("{} #{count}", one.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_records() {
        let mut seen =
            lines("noise\nPASS: a\nFAIL: b\n--- expected\n+++ actual\n=====\nx\nSKIPPED: c\nPASS: a\n");
        number_doubles(&mut seen);
        let names: Vec<_> = seen.iter().map(|one| (one.name.as_str(), one.outcome.word())).collect();
        assert_eq!(names, [("a", "pass"), ("b", "fail"), ("c", "skip"), ("a #2", "pass")]);
        assert!(seen[1].output.contains("+++ actual"));
    }

    fn job() -> Job {
        Job {
            area: "a".to_owned(),
            name: "a".to_owned(),
            command: vec!["run".to_owned()],
            workdir: "/".to_owned(),
            env: Vec::new(),
            limit: Duration::ZERO,
            reading: Reading::Records,
            short: false,
        }
    }

    #[test]
    fn tests_of_several_areas() {
        let seen =
            lines("SKIPPED: =ls= (not built)\nPASS: x\nSKIPPED: =mv= (not built)\nnoise\nFAIL: x/y\n--- a\n");
        let mut job = job();
        (job.area, job.name) = (String::new(), "ls mv".to_owned());
        let places: Vec<_> = seen.iter().map(|one| job.place(&one.name)).collect();
        assert_eq!(places, [("ls", "x"), ("mv", "x/y")]);
        assert_eq!(seen[1].output, "noise\n--- a\n");
        assert_eq!(job.place(END), ("ls mv", END));
        job.area = "ash".to_owned();
        assert_eq!(job.place("b/c"), ("ash", "b/c"));
    }

    #[test]
    fn a_second_attempt_names_its_tests() {
        let mut job = job();
        assert_eq!(job.only(&["A.x", "B.y"]).command, ["run", "A.x", "B.y"]);
        assert_eq!(job.only(&["A.x", END]).command, ["run"], "the whole of what did not end");
        job.reading = Reading::Posix;
        assert_eq!(job.only(&["A.x"]).command, ["run"]);
    }

    #[test]
    fn who_runs_at_the_end_hung() {
        let text = "{\"name\":\"A.x\",\"outcome\":\"start\"}\n{\"name\":\"A.x\",\"outcome\":\"pass\"}\n{\"name\":\"A.y\",\"outcome\":\"start\"}\n";
        let seen = records(text);
        assert_eq!(seen.len(), 2);
        assert_eq!(seen[1].outcome, Outcome::Hang);
    }
}
