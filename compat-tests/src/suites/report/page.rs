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

/// What the page has of one suite on one platform.
struct Part {
    /// The suite's title, and the platform.
    of: (String, String),
    /// Its line of the table at the top.
    row: String,
    /// Its own section.
    section: String,
}

/// Behind the title of a suite of which not all was run.
const PART: &str = " (a part)";

/// The page of these runs. What the page said `before` of other suites and platforms stays, each with its own date.
pub fn page(about: &About, runs: &[Results], before: &str) -> String {
    let mut parts = parts(before);
    for (run, suite) in suites(runs) {
        let part = Part {
            of: (name(suite), run.platform.clone()),
            row: row(run, suite),
            section: section(run, suite),
        };
        match parts.iter_mut().find(|known| known.of == part.of) {
            Some(known) => *known = part,
            None => parts.push(part),
        }
    }
    let mut page = format!(
        "# Compatibility\n\nMade by `cargo xtask compat --page`; do not edit. Suites that others wrote, unmodified, from \
         Debian's packages, and\nour own cases: the same programs in the same file system, natively and under Offshoot {}, \
         side by side. Only what\npasses natively counts. What fails is tried once more, alone. What fails here although \
         it passes natively is\nlisted with its reason.{}\n\n\
         | suite | platform | passes natively | of those here | rate | at the second attempt |\n|---|---|---:|---:|---:|---:|\n",
        about.version,
        if parts.iter().any(|part| part.of.1 == "xen") { ON_XEN } else { "" }
    );
    parts.iter().for_each(|part| page.push_str(&part.row));
    parts.iter().for_each(|part| page.push_str(&part.section));
    page
}

/// The parts of a page that was made earlier.
fn parts(page: &str) -> Vec<Part> {
    let mut sections = page.split("\n## ");
    let head = sections.next().unwrap_or_default();
    let part = |section: &str| {
        let (title, platform) = section.lines().next()?.strip_suffix(" platform")?.rsplit_once(", ")?;
        let row = head.lines().find(|line| line.starts_with(&format!("| {title} | {platform} |")))?;
        Some(Part {
            of: (title.trim_end_matches(PART).to_owned(), platform.to_owned()),
            row: format!("{row}\n"),
            section: format!("\n## {}\n", section.trim_end()),
        })
    };
    sections.filter_map(part).collect()
}

fn suites(runs: &[Results]) -> impl Iterator<Item = (&Results, &Ran)> {
    runs.iter().flat_map(|run| run.suites.iter().map(move |suite| (run, suite)))
}

fn name(suite: &Ran) -> String {
    suite.title.replacen("the ", "The ", 1)
}

fn title(suite: &Ran) -> String {
    name(suite) + if suite.whole { "" } else { PART }
}

fn row(run: &Results, suite: &Ran) -> String {
    let figures = run.figures(&suite.name);
    let (Figures { native, here, again, .. }, rate) = (figures, figures.rate());
    format!("| {} | {} | {native} | {here} | {rate:.1} % | {again} |\n", title(suite), run.platform)
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
        let page = page(&about(), &[run], "");
        assert!(page.contains("| The suite | hosted | 2 | 1 | 50.0 % | 1 |"), "{page}");
        assert!(page.contains("| a | 2 | 1 | 50.0 % | 1 | 1 | 0 |"), "{page}");
        assert!(page.contains("| `a/y` | no |"), "{page}");
    }

    #[test]
    fn what_is_said_of_others_stays() {
        let runs = |date: &str, platform: &str, whole: bool, result: &str| {
            let text = format!(
                r#"{{ "date": "{date}", "platform": "{platform}", "host": "Linux 6",
                "suites": [{{ "name": "s", "title": "the suite", "version": "1", "whole": {whole} }}],
                "records": [{{ "suite": "s", "area": "a", "name": "x", "native": "pass", "verdict": "{result}" }}] }}"#
            );
            [super::super::json::read(&text).unwrap()]
        };
        let first = page(&about(), &runs("2026-01-01", "hosted", true, "fail"), "");
        let both = page(&about(), &runs("2026-01-02", "xen", false, "pass"), &first);
        // Nothing new to say.
        assert_eq!(page(&about(), &[], &both), both);
        let last = page(&about(), &runs("2026-01-03", "hosted", false, "pass"), &both);
        assert_eq!(last.matches("\n## The suite").count(), 2, "{last}");
        assert!(last.contains("| The suite (a part) | hosted | 1 | 1 | 100.0 % | 0 |"), "{last}");
        assert!(!last.contains("2026-01-01") && last.contains("2026-01-02"), "{last}");
        assert!(!last.contains("not explained yet") && last.contains("in a [lab](lab.md)"), "{last}");
    }

    fn about() -> About {
        About { version: "0.1".to_owned() }
    }
}
