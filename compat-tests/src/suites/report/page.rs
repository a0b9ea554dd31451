//! `docs/compatibility.md`, made from the JSON of whole runs.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::suites::expected;

/// What the page says of versions beside the results'.
pub struct About {
    /// Offshoot's version.
    pub version: String,
}

/// What one area's row counts.
#[derive(Default)]
struct Row {
    native: usize,
    here: usize,
    not_native: usize,
    skipped: usize,
}

impl Row {
    fn add(&mut self, record: &Value) {
        match record["native"].as_str() {
            Some("pass") => {
                self.native += 1;
                self.here +=
                    usize::from(matches!(record["verdict"].as_str(), Some("pass" | "unexpected pass")));
            }
            Some("skip") => self.skipped += 1,
            _ => self.not_native += 1,
        }
    }

    fn line(&self, name: &str) -> String {
        let rate =
            (self.here * 1000).checked_div(self.native).map_or(100.0, |permille| permille as f64 / 10.0);
        format!(
            "| {name} | {} | {} | {rate:.1} % | {} | {} |\n",
            self.native, self.here, self.not_native, self.skipped
        )
    }
}

/// The page of these runs.
pub fn page(about: &About, runs: &[Value]) -> String {
    let mut page = format!(
        "# Compatibility\n\nMade by `cargo xtask compat`; do not edit. Suites that others wrote, unmodified, from \
         Debian's packages: the same\nprograms in the same file system, natively and under Offshoot {}, side by side. \
         Only what passes natively counts. What\nfails here although it passes natively is listed below with its \
         reason.\n",
        about.version
    );
    for run in runs {
        for suite in run["suites"].as_array().into_iter().flatten() {
            page.push_str(&section(run, suite));
        }
    }
    page
}

fn section(run: &Value, suite: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of_suite = |record: &&Value| record["suite"] == suite["name"];
    let records: Vec<&Value> = run["records"].as_array().into_iter().flatten().filter(of_suite).collect();
    let mut areas: BTreeMap<String, Row> = BTreeMap::new();
    let mut all = Row::default();
    for record in &records {
        areas.entry(text(&record["area"])).or_default().add(record);
        all.add(record);
    }
    let mut part = format!(
        "\n## {}{}, {} platform\n\n{}, version {}, on {}.\n\n\
         | area | passes natively | of those here | rate | fails natively | skipped |\n|---|---:|---:|---:|---:|---:|\n",
        text(&suite["title"]).replacen("the ", "The ", 1),
        if suite["whole"] == Value::Bool(false) { " (a part)" } else { "" },
        text(&run["platform"]),
        text(&run["date"]),
        text(&suite["version"]),
        text(&run["host"]),
    );
    for (area, row) in &areas {
        part.push_str(&row.line(area));
    }
    part.push_str(&all.line("**all**"));
    let failing: Vec<&&Value> = records
        .iter()
        .filter(|r| matches!(r["verdict"].as_str(), Some("fail" | "expected failure")))
        .collect();
    // Reasons as the lists have them now: some are written down after the run that found the failure.
    let reasons = expected::of(&text(&suite["name"]), &text(&run["platform"])).unwrap_or_default();
    if !failing.is_empty() {
        part.push_str("\n| does not pass here | why |\n|---|---|\n");
    }
    for record in failing {
        let name = format!("{}/{}", text(&record["area"]), text(&record["name"]));
        let known = record["expected"].as_str().or(reasons.get(&name).map(String::as_str));
        let reason = known.unwrap_or("not explained yet").replace('|', "\\|");
        let name = name.replace('|', "\\|");
        part.push_str(&format!("| `{name}` | {reason} |\n"));
    }
    part
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn figures_and_reasons() {
        let run = json!({
            "date": "2026-01-31", "platform": "hosted", "host": "Linux 6",
            "suites": [{ "name": "s", "title": "the suite", "version": "1" }],
            "records": [
                { "suite": "s", "area": "a", "name": "x", "native": "pass", "verdict": "pass" },
                { "suite": "s", "area": "a", "name": "y", "native": "pass", "verdict": "expected failure", "expected": "no" },
                { "suite": "s", "area": "a", "name": "z", "native": "fail", "verdict": "fails natively" },
            ],
        });
        let page = page(&About { version: "0.1".to_owned() }, &[run]);
        assert!(page.contains("| a | 2 | 1 | 50.0 % | 1 | 0 |"), "{page}");
        assert!(page.contains("| `a/y` | no |"), "{page}");
    }
}
