//! `docs/compatibility.md`, made from the results of whole runs.

use super::{Figures, Ran, Results, Verdict};
use crate::suites::expected;

/// What the page says of versions beside the results'.
pub struct About {
    /// Offshoot's version.
    pub version: String,
}

/// Said when there are figures of Xen.
const ON_XEN: &str = " On Xen, members are domains in a [lab](lab.md), which is emulated\n\
    where the machine has no hardware for it; the native side is the machine itself.";

/// The page of these runs.
pub fn page(about: &About, runs: &[Results]) -> String {
    let mut page = format!(
        "# Compatibility\n\nMade by `cargo xtask compat --page`; do not edit. Suites that others wrote, unmodified, from \
         Debian's packages, and\nour own cases: the same programs in the same file system, natively and under Offshoot {}, \
         side by side. Only what\npasses natively counts. What fails is tried once more, alone. What fails here although \
         it passes natively is\nlisted with its reason.{}\n\n\
         | suite | platform | passes natively | of those here | rate | at the second attempt |\n|---|---|---:|---:|---:|---:|\n",
        about.version,
        if runs.iter().any(|run| run.platform == "xen") { ON_XEN } else { "" }
    );
    for (run, suite) in suites(runs) {
        let all = run.figures(&suite.name);
        page.push_str(&format!(
            "| {} | {} | {} | {} | {:.1} % | {} |\n",
            title(suite),
            run.platform,
            all.native,
            all.here,
            all.rate(),
            all.again
        ));
    }
    for (run, suite) in suites(runs) {
        page.push_str(&section(run, suite));
    }
    page
}

fn suites(runs: &[Results]) -> impl Iterator<Item = (&Results, &Ran)> {
    runs.iter().flat_map(|run| run.suites.iter().map(move |suite| (run, suite)))
}

fn title(suite: &Ran) -> String {
    let part = if suite.whole { "" } else { " (a part)" };
    suite.title.replacen("the ", "The ", 1) + part
}

fn line(name: &str, figures: Figures) -> String {
    let Figures { native, here, again, not_native, skipped, .. } = figures;
    format!("| {name} | {native} | {here} | {:.1} % | {again} | {not_native} | {skipped} |\n", figures.rate())
}

fn section(run: &Results, suite: &Ran) -> String {
    let mut part = format!(
        "\n## {}, {} platform\n\n{}, version {}, on {}.\n\n\
         | area | passes natively | of those here | rate | at the second attempt | fails natively | skipped |\n\
         |---|---:|---:|---:|---:|---:|---:|\n",
        title(suite),
        run.platform,
        run.date,
        suite.version,
        run.host,
    );
    for (area, figures) in run.areas(&suite.name) {
        part.push_str(&line(area, figures));
    }
    part.push_str(&line("**all**", run.figures(&suite.name)));
    let of_suite = run.records.iter().filter(|record| record.suite == suite.name);
    let mut failing = of_suite.filter(|r| matches!(r.verdict, Verdict::Fail | Verdict::Expected)).peekable();
    if failing.peek().is_some() {
        part.push_str("\n| does not pass here | why |\n|---|---|\n");
    }
    // Reasons as the lists have them now: some are written down after the run that found the failure.
    let reasons = expected::of(&suite.name, &run.platform).unwrap_or_default();
    for record in failing {
        let known = reasons.get(&record.id()).or(record.expected.as_ref());
        let reason = known.map_or("not explained yet", String::as_str).replace('|', "\\|");
        part.push_str(&format!("| `{}` | {reason} |\n", record.id().replace('|', "\\|")));
    }
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_and_reasons() {
        let run = super::super::json::read(
            r#"{ "date": "2026-01-31", "platform": "hosted", "host": "Linux 6",
            "suites": [{ "name": "s", "title": "the suite", "version": "1", "whole": true }],
            "records": [
                { "suite": "s", "area": "a", "name": "x", "native": "pass", "verdict": "pass", "attempts": 2 },
                { "suite": "s", "area": "a", "name": "y", "native": "pass", "verdict": "expected failure", "expected": "no" },
                { "suite": "s", "area": "a", "name": "z", "native": "fail", "verdict": "fails natively" }
            ] }"#,
        )
        .unwrap();
        let page = page(&About { version: "0.1".to_owned() }, &[run]);
        assert!(page.contains("| The suite | hosted | 2 | 1 | 50.0 % | 1 |"), "{page}");
        assert!(page.contains("| a | 2 | 1 | 50.0 % | 1 | 1 | 0 |"), "{page}");
        assert!(page.contains("| `a/y` | no |"), "{page}");
    }
}
