//! The results on a terminal.

use super::{Figures, Results};
use crate::suites::Record;

/// Tells of one test that did not go as expected, while the suite runs.
pub fn tell(record: &Record) {
    let here = record.here.as_ref().map_or("", |outcome| outcome.word());
    let tries = record.attempts;
    println!("{}: {} {} (here: {here}, attempts: {tries})", record.verdict.word(), record.suite, record.id());
}

/// Prints a table for each suite.
pub fn print(results: &Results) {
    for suite in &results.suites {
        println!("\n{} {} on {}, {}", suite.title, suite.version, results.platform, results.date);
        println!(
            "{:<24} {:>8} {:>8} {:>7} {:>7} {:>9} {:>7} {:>8} {:>8}",
            "area", "natively", "here", "rate", "second", "expected", "failed", "native-", "skipped"
        );
        for (area, figures) in results.areas(&suite.name) {
            row(area, figures);
        }
        row("all", results.figures(&suite.name));
        let again = results.figures(&suite.name).again;
        if again > 0 {
            println!("  second: {again} passed here at the second attempt only, alone");
        }
        for (reason, count) in results.skips(&suite.name).iter().take(8) {
            println!("  skipped {count}: {reason}");
        }
    }
    let (passed, failures) = results.tally();
    println!();
    for failure in &failures {
        println!("failed: {failure}");
    }
    println!("{passed} passed, {} failed", failures.len());
}

fn row(area: &str, figures: Figures) {
    println!(
        "{area:<24} {:>8} {:>8} {:>6.1}% {:>7} {:>9} {:>7} {:>8} {:>8}",
        figures.native,
        figures.here,
        figures.rate(),
        figures.again,
        figures.expected,
        figures.failed,
        figures.not_native,
        figures.skipped
    );
}
