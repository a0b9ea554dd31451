//! The table for people and the file for programs.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::figure::{Figure, Must, median};

/// Prints all figures, the promised ones with their verdict.
pub fn print(figures: &[Figure]) {
    println!(
        "{:<40} {:>11} {:>11} {:>7} {:>11}  {:<9} ",
        "medians", "native", "hosted", "ratio", "runsc", "must"
    );
    for figure in figures {
        let verdict = match (figure.must, figure.reached()) {
            (None, _) => "",
            (_, true) => "reached",
            (_, false) => "MISSED",
        };
        println!(
            "{:<40} {:>11} {:>11} {:>7.2} {:>11}  {:<9} {verdict}",
            format!("{} ({})", figure.what, figure.unit),
            number(median(&figure.native)),
            number(median(&figure.hosted)),
            figure.ratio(),
            figure.runsc.map_or("n/a".to_owned(), number),
            figure.must.map_or(String::new(), |must| promise(must, figure.unit)),
        );
    }
}

fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.3}"),
    }
}

fn promise(must: Must, unit: &str) -> String {
    match must {
        Must::RatioAtMost(limit) => format!("≤ {limit} ×"),
        Must::RatioAtLeast(limit) => format!("≥ {limit} ×"),
        Must::AtMost(limit) => format!("≤ {limit} {unit}"),
    }
}

/// Writes medians, samples and verdicts.
pub fn write_json(path: &Path, figures: &[Figure]) -> Result<()> {
    let figures: Vec<Value> = figures
        .iter()
        .map(|figure| {
            json!({
                "name": figure.name,
                "what": figure.what,
                "unit": figure.unit,
                "native": { "median": median(&figure.native), "samples": figure.native },
                "hosted": { "median": median(&figure.hosted), "samples": figure.hosted },
                "runsc": figure.runsc,
                "ratio": figure.ratio(),
                "must": figure.must.map(|must| promise(must, figure.unit)),
                "reached": figure.reached(),
            })
        })
        .collect();
    let text = serde_json::to_string_pretty(&json!({ "figures": figures }))?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
