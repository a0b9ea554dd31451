//! Counting passed and failed checks.

/// What was counted, with the failures by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many passed.
    pub passed: usize,
    /// How many failed.
    pub failed: usize,
    /// What failed, as far as it is known by name.
    pub failures: Vec<String>,
}

impl Tally {
    /// Counts one check and shows it.
    pub fn note(&mut self, name: &str, outcome: Result<(), String>) {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok {name}");
            }
            Err(reason) => {
                println!("not ok {name}: {reason}");
                self.fail(format!("{name}: {reason}"));
            }
        }
    }

    /// Counts one failure.
    pub fn fail(&mut self, what: String) {
        self.failed += 1;
        self.failures.push(what);
    }

    /// Adds another's counts.
    pub fn add(&mut self, area: &str, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures.into_iter().map(|failure| format!("{area}: {failure}")));
    }

    /// Shows the failures and the closing line; true if nothing failed.
    pub fn report(&self) -> bool {
        for failure in &self.failures {
            println!("failed: {failure}");
        }
        println!("{} passed, {} failed", self.passed, self.failed);
        self.failed == 0
    }
}

/// Reads a line `N passed, N failed`, whatever follows the second number's word.
pub fn parse_closing(line: &str) -> Option<(usize, usize)> {
    let (passed, rest) = line.trim().split_once(" passed, ")?;
    Some((passed.parse().ok()?, rest.split_once(" failed")?.0.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines() {
        assert_eq!(parse_closing("12 passed, 0 failed"), Some((12, 0)));
        assert_eq!(parse_closing("12 passed, 3 failed, 1 expected failure"), Some((12, 3)));
        assert_eq!(parse_closing("passed, failed"), None);
    }

    #[test]
    fn sums() {
        let mut all = Tally::default();
        let mut one = Tally { passed: 2, ..Tally::default() };
        one.fail("x".into());
        all.add("unit", one);
        assert_eq!((all.passed, all.failed), (2, 1));
        assert_eq!(all.failures, ["unit: x"]);
    }
}
