//! One job on both sides: the first attempt, beside others, and a second one of what failed, alone on the machine.

use std::time::Duration;

use anyhow::Result;

use super::expected::Expected;
use super::judge::{self, Record, Sides};
use super::place::{self, Side};
use super::{Job, Outcome, Seen, Suite};

/// What the attempts need to know of the run.
pub struct Setting<'a> {
    pub suite: &'a Suite,
    /// None if the run is native only.
    pub here: Option<&'a Side>,
    pub expected: &'a Expected,
    /// Whether native results come from an earlier run.
    pub reused: bool,
}

/// What both sides of a job showed so far.
pub struct Attempts<'a> {
    job: &'a Job,
    native: Vec<Seen>,
    /// None if the run is native only; empty if nothing passed natively.
    here: Option<Vec<Seen>>,
    /// Which tests were tried twice natively, and here.
    again: [Vec<String>; 2],
    took: Duration,
}

impl<'a> Attempts<'a> {
    /// The first attempt; `known` are native results of an earlier run.
    pub fn first(setting: &Setting<'_>, job: &'a Job, known: Vec<Seen>) -> Result<Attempts<'a>> {
        let mut took = Duration::ZERO;
        let native = match known.is_empty() {
            true => {
                let run = place::run(setting.suite, job, &Side::Native)?;
                took = run.took;
                run.seen
            }
            false => known,
        };
        let mut attempts = Attempts { job, native, here: None, again: [Vec::new(), Vec::new()], took };
        if setting.here.is_some() {
            attempts.here = Some(Vec::new());
            attempts.first_here(setting)?;
        }
        Ok(attempts)
    }

    /// Runs here what passes natively: what does not says nothing here.
    fn first_here(&mut self, setting: &Setting<'_>) -> Result<()> {
        if let Some(side) = setting.here.filter(|_| self.native.iter().any(passes)) {
            let run = place::run(setting.suite, self.job, side)?;
            (self.here, self.took) = (Some(run.seen), run.took);
        }
        Ok(())
    }

    /// The job's name.
    pub fn name(&self) -> &str {
        &self.job.name
    }

    /// Whether a second attempt may show something else.
    pub fn unsettled(&self, setting: &Setting<'_>) -> bool {
        !self.native_failures(setting).is_empty() || !self.failures_here(setting).is_empty()
    }

    /// What hangs natively hangs again.
    fn native_failures(&self, setting: &Setting<'_>) -> Vec<String> {
        if setting.reused {
            return Vec::new();
        }
        self.native
            .iter()
            .filter(|seen| seen.outcome == Outcome::Fail)
            .map(|seen| seen.name.clone())
            .collect()
    }

    /// What passes natively, does not here, and is not known for it.
    fn failures_here(&self, setting: &Setting<'_>) -> Vec<String> {
        let Some(here) = &self.here else { return Vec::new() };
        let passes_here = |name: &str| here.iter().any(|seen| seen.name == name && passes(seen));
        let known = |name: &str| {
            let (area, name) = self.job.place(name);
            setting.expected.contains_key(&format!("{area}/{name}"))
        };
        let names = self.native.iter().filter(|seen| passes(seen)).map(|seen| &seen.name);
        names.filter(|name| !passes_here(name) && !known(name)).cloned().collect()
    }

    /// Tries once more what failed. Nothing else may run meanwhile.
    pub fn second(&mut self, setting: &Setting<'_>) -> Result<()> {
        let failed = self.native_failures(setting);
        if !failed.is_empty() {
            let seen = retry(setting, self.job, &Side::Native, &failed)?;
            better(&mut self.native, seen, &failed);
            self.again[0] = failed;
        }
        if self.here.as_ref().is_some_and(Vec::is_empty) {
            self.first_here(setting)?;
        }
        let failed = self.failures_here(setting);
        if let (Some(side), Some(here), false) = (setting.here, &mut self.here, failed.is_empty()) {
            let seen = retry(setting, self.job, side, &failed)?;
            better(here, seen, &failed);
            self.again[1] = failed;
        }
        Ok(())
    }

    /// What it all means.
    pub fn records(self, setting: &Setting<'_>) -> Vec<Record> {
        let Attempts { job, native, here, again, took } = self;
        let suite = setting.suite.name;
        judge::judge(Sides { suite, job, native, here, again, took }, setting.expected)
    }
}

fn passes(seen: &Seen) -> bool {
    seen.outcome == Outcome::Pass
}

fn retry(setting: &Setting<'_>, job: &Job, side: &Side, names: &[String]) -> Result<Vec<Seen>> {
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok(place::run(setting.suite, &job.only(&names), side)?.seen)
}

/// Takes what passed at the second attempt, and what the first did not reach, of the tests that were to be tried again.
fn better(first: &mut Vec<Seen>, second: Vec<Seen>, tried: &[String]) {
    for seen in second.into_iter().filter(|seen| tried.contains(&seen.name)) {
        match first.iter_mut().find(|one| one.name == seen.name) {
            Some(one) if passes(&seen) => *one = seen,
            Some(_) => {}
            None => first.push(seen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(name: &str, outcome: Outcome) -> Seen {
        Seen { name: name.to_owned(), outcome, output: String::new() }
    }

    #[test]
    fn only_what_was_tried_again_gets_better() {
        let mut first = vec![seen("a", Outcome::Fail), seen("b", Outcome::Hang), seen("c", Outcome::Fail)];
        let second = vec![
            seen("a", Outcome::Pass),
            seen("b", Outcome::Fail),
            seen("c", Outcome::Pass),
            seen("d", Outcome::Pass),
        ];
        better(&mut first, second, &["a", "b", "d"].map(str::to_owned));
        let outcomes: Vec<_> = first.iter().map(|one| one.outcome.word()).collect();
        assert_eq!(outcomes, ["pass", "hang", "fail", "pass"]);
    }
}
