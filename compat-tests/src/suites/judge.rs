//! The two sides of a test beside each other, and what that means.

use std::collections::BTreeMap;
use std::time::Duration;

use super::expected::Expected;
use super::job::END;
use super::{Job, Outcome, Seen};

/// What a test's two outcomes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Passes natively and here.
    Pass,
    /// Passes natively, fails here, and is listed.
    Expected,
    /// Passes natively and fails here.
    Fail,
    /// Is listed, but passes here.
    Unexpected,
    /// Fails natively: listed, never counted.
    Native,
    /// Is skipped natively, or cannot be run.
    Skipped,
}

impl Verdict {
    /// One or two words for tables and records.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Expected => "expected failure",
            Verdict::Fail => "fail",
            Verdict::Unexpected => "unexpected pass",
            Verdict::Native => "fails natively",
            Verdict::Skipped => "skipped",
        }
    }
}

impl Verdict {
    /// The verdict of this word.
    pub fn of_word(word: &str) -> Verdict {
        match word {
            "pass" => Verdict::Pass,
            "expected failure" => Verdict::Expected,
            "unexpected pass" => Verdict::Unexpected,
            "fails natively" => Verdict::Native,
            "skipped" => Verdict::Skipped,
            _ => Verdict::Fail,
        }
    }
}

/// One test of a suite.
#[derive(Clone, Debug)]
pub struct Record {
    pub suite: String,
    pub area: String,
    pub name: String,
    /// The job that it came from.
    pub job: String,
    pub native: Outcome,
    /// None if the run was native only.
    pub here: Option<Outcome>,
    /// How long the job took here (natively, if it did not run here).
    pub took: Duration,
    /// The reason for an expected failure.
    pub expected: Option<String>,
    /// What the failing side wrote.
    pub output: String,
    /// How often it was tried here: a second time, alone, if the first failed.
    pub attempts: u8,
    /// How often it was tried natively.
    pub native_attempts: u8,
    pub verdict: Verdict,
}

impl Record {
    /// The name in lists of expected failures.
    pub fn id(&self) -> String {
        format!("{}/{}", self.area, self.name)
    }

    /// Whether it passes natively, and so counts.
    pub fn counts(&self) -> bool {
        self.native == Outcome::Pass
    }

    /// Whether it passes here.
    pub fn passes(&self) -> bool {
        matches!(self.verdict, Verdict::Pass | Verdict::Unexpected)
    }
}

/// What every test of a job means; `here` is None if it ran natively only.
pub struct Sides<'a> {
    pub suite: &'a str,
    pub job: &'a Job,
    pub native: Vec<Seen>,
    pub here: Option<Vec<Seen>>,
    /// Which tests were tried twice natively, and here.
    pub again: [Vec<String>; 2],
    pub took: Duration,
}

/// Compares the two sides.
pub fn judge(sides: Sides<'_>, expected: &Expected) -> Vec<Record> {
    let mut here: Option<BTreeMap<String, Seen>> =
        sides.here.map(|seen| seen.into_iter().map(|one| (one.name.clone(), one)).collect());
    let mut records = Vec::new();
    for native in sides.native {
        let seen = here.as_mut().map(|here| {
            here.remove(&native.name).unwrap_or_else(|| Seen {
                name: native.name.clone(),
                outcome: Outcome::Absent,
                output: "it was not reached: what ran before it hung or crashed, or its class failed"
                    .to_owned(),
            })
        });
        let (area, name) = sides.job.place(&native.name);
        let (area, name) = (area.to_owned(), name.to_owned());
        let reason = expected.get(&format!("{area}/{name}"));
        let outcome = seen.as_ref().map(|seen| seen.outcome.clone());
        let verdict = verdict(&native.outcome, outcome.as_ref(), reason);
        let output = match (verdict, seen) {
            (Verdict::Pass | Verdict::Unexpected, _) => String::new(),
            (Verdict::Native | Verdict::Skipped, _) | (_, None) => native.output,
            (_, Some(seen)) => match (seen.output, &seen.outcome) {
                (output, Outcome::Skip(reason)) => format!("skipped here: {reason}\n{output}"),
                (output, _) => output,
            },
        };
        records.push(Record {
            suite: sides.suite.to_owned(),
            area,
            job: sides.job.name.clone(),
            attempts: 1 + u8::from(sides.again[1].contains(&native.name)),
            native_attempts: 1 + u8::from(sides.again[0].contains(&native.name)),
            name,
            native: native.outcome,
            here: outcome,
            took: sides.took,
            expected: reason.cloned(),
            output,
            verdict,
        });
    }
    // That a job comes to its end is no test of the suite's: only its failing is told.
    records.retain(|record| record.name != END || record.verdict != Verdict::Pass);
    records
}

fn verdict(native: &Outcome, here: Option<&Outcome>, reason: Option<&String>) -> Verdict {
    match (native, here) {
        (Outcome::Skip(_), _) => Verdict::Skipped,
        (Outcome::Pass, None) => Verdict::Pass,
        (Outcome::Pass, Some(Outcome::Pass)) if reason.is_none() => Verdict::Pass,
        (Outcome::Pass, Some(Outcome::Pass)) => Verdict::Unexpected,
        (Outcome::Pass, Some(_)) if reason.is_some() => Verdict::Expected,
        (Outcome::Pass, Some(_)) => Verdict::Fail,
        _ => Verdict::Native,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_native_passes_judge() {
        let reason = "it is not there".to_owned();
        let (pass, fail) = (&Outcome::Pass, &Outcome::Fail);
        assert_eq!(verdict(pass, Some(pass), None), Verdict::Pass);
        assert_eq!(verdict(pass, Some(&Outcome::Hang), None), Verdict::Fail);
        assert_eq!(verdict(pass, Some(&Outcome::Skip(String::new())), None), Verdict::Fail);
        assert_eq!(verdict(pass, Some(&Outcome::Absent), Some(&reason)), Verdict::Expected);
        assert_eq!(verdict(pass, Some(pass), Some(&reason)), Verdict::Unexpected);
        assert_eq!(verdict(fail, Some(pass), None), Verdict::Native);
        assert_eq!(verdict(&Outcome::Skip(String::new()), Some(fail), None), Verdict::Skipped);
    }
}
