//! The table: what was measured, beside what it is compared with and what it must be.

use anyhow::{Result, bail};

use super::Figures;

/// A promise: the ratio to what it is compared with, or the figure itself.
#[derive(Clone, Copy, Debug)]
pub enum Must {
    /// At most so many times the other's.
    Ratio(f64),
    /// At most.
    AtMost(f64),
    /// At least.
    AtLeast(f64),
    /// Shown for scale.
    Nothing,
}

/// What the same program gives on both sides, for some of its words.
pub struct Part {
    /// What the program is told.
    pub words: &'static str,
    /// Rows: what they are called, the program's name for the figure, what it must be.
    rows: &'static [(&'static str, &'static str, Must)],
}

/// Forks with 64 MiB.
pub const BIG: &str = "big-forks";

/// All of them.
pub const PARTS: [Part; 5] = [
    Part { words: "calls", rows: &[("getppid", "getppid", Must::Ratio(0.6))] },
    Part {
        words: "forks",
        rows: &[
            ("fork + exit + wait, 1 MiB", "fork-exit-wait-1MiB", Must::Ratio(4.0)),
            ("parent's pause in fork, 1 MiB", "fork-call-1MiB", Must::Ratio(1.5)),
        ],
    },
    Part {
        words: BIG,
        rows: &[
            ("parent's pause in fork, 64 MiB", "fork-call-64MiB", Must::Ratio(0.5)),
            ("fork + exit + wait, 64 MiB", "fork-exit-wait-64MiB", Must::Nothing),
        ],
    },
    Part {
        words: "small-pages big-forks",
        rows: &[
            ("parent's pause, 64 MiB; guest with 4 KiB pages", "fork-call-64MiB", Must::Nothing),
            ("fork, exit, wait, 64 MiB; guest with 4 KiB pages", "fork-exit-wait-64MiB", Must::Nothing),
        ],
    },
    Part {
        words: "pipes",
        rows: &[
            ("pipe round trip, 1 byte", "pipe-round-trip", Must::Ratio(3.0)),
            // Time for each write: a throughput at least as high.
            ("pipe, time for 64 KiB", "pipe-64KiB", Must::Ratio(1.0)),
        ],
    },
];

pub const HYPERCALLS: &str = "hypercalls of a fork + exit + wait, 1 MiB";
pub const FULL_COPY: &str = "parent's pause beside a full copy, 64 MiB";
pub const START: &str = "start of a family to main";
pub const WORKER: &str = "memory of an idle forked nginx worker";
pub const MEMBERS: &str = "members alive at once in a lab of 4 GiB";
pub const TESTS: &str = "wall time of the last whole lab test";
const SINGLE: [&str; 6] = [HYPERCALLS, FULL_COPY, START, WORKER, MEMBERS, TESTS];

impl Part {
    /// The guest does without huge pages; there are none in members anyway.
    pub fn is_small(&self) -> bool {
        self.words != BIG && self.words.ends_with(BIG)
    }
}

struct Row {
    what: &'static str,
    unit: &'static str,
    ours: Option<f64>,
    other: Option<f64>,
    must: Must,
}

/// The rows that are wanted, printed as they come.
pub struct Table<'a> {
    only: &'a [String],
    missed: bool,
}

impl Row {
    fn ratio(&self) -> Option<f64> {
        Some(self.ours? / self.other.filter(|other| *other > 0.0)?)
    }

    /// None: not measured, or no promise.
    fn reached(&self) -> Option<bool> {
        match self.must {
            Must::Ratio(most) => self.ratio().map(|ratio| ratio <= most),
            Must::AtMost(most) => self.ours.map(|ours| ours <= most),
            Must::AtLeast(least) => self.ours.map(|ours| ours >= least),
            Must::Nothing => None,
        }
    }

    fn line(&self) -> String {
        let figure = |figure: Option<f64>| figure.map_or("-".to_owned(), |f| scaled(f, self.unit));
        let must = match self.must {
            Must::Ratio(most) => format!("<= {most} x"),
            Must::AtMost(most) => format!("<= {}", scaled(most, self.unit)),
            Must::AtLeast(least) => format!(">= {}", scaled(least, self.unit)),
            Must::Nothing => String::new(),
        };
        let verdict = match (self.ours, self.must, self.reached()) {
            (_, Must::Nothing, _) => "",
            (_, _, Some(true)) => "reached",
            (_, _, Some(false)) => "MISSED",
            _ => "not measured",
        };
        let ratio = self.ratio().map_or("-".to_owned(), |ratio| format!("{ratio:.3} x"));
        format!(
            "{:<48} {:>12} {:>12} {:>10} {:>12}  {verdict}",
            self.what,
            figure(self.ours),
            figure(self.other),
            ratio,
            must
        )
    }
}

fn scaled(figure: f64, unit: &str) -> String {
    match unit {
        "ns" if figure >= 1e6 => format!("{:.2} ms", figure / 1e6),
        "ns" if figure >= 1e4 => format!("{:.1} us", figure / 1e3),
        "" => format!("{figure:.0}"),
        "ns" => format!("{figure:.0} ns"),
        _ => format!("{figure:.2} {unit}"),
    }
}

impl<'a> Table<'a> {
    /// A table of the rows whose names contain one of some words, or of all rows; it begins with its head.
    pub fn new(only: &'a [String]) -> Result<Self> {
        let table = Self { only, missed: false };
        let any =
            SINGLE.iter().any(|what| table.wants(what)) || PARTS.iter().any(|part| table.wants_of(part));
        if !any {
            bail!("no row's name contains {}; without words all rows are measured", only.join(" or "));
        }
        println!("{:<48} {:>12} {:>12} {:>10} {:>12}", "figure", "ours", "compared", "ratio", "must be");
        Ok(table)
    }

    /// Whether a row is wanted.
    pub fn wants(&self, what: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| what.contains(word.as_str()))
    }

    /// Whether a row of a part is wanted.
    pub fn wants_of(&self, part: &Part) -> bool {
        part.rows.iter().any(|(what, ..)| self.wants(what))
    }

    fn row(
        &mut self,
        what: &'static str,
        unit: &'static str,
        ours: Option<f64>,
        other: Option<f64>,
        must: Must,
    ) {
        if self.wants(what) {
            let row = Row { what, unit, ours, other, must };
            println!("{}", row.line());
            self.missed |= row.reached() == Some(false);
        }
    }

    /// What the same program gives on both sides.
    pub fn part(&mut self, part: &Part, ours: &Figures, linux: &Figures) {
        for (what, name, must) in part.rows {
            self.row(what, "ns", ours.get(*name).copied(), linux.get(*name).copied(), *must);
        }
    }

    /// Those of a fork, exit and wait, warm shell, 1 MiB.
    pub fn hypercalls(&mut self, count: u32) {
        self.row(HYPERCALLS, "", Some(count.into()), None, Must::AtMost(60.0));
    }

    /// A fork beside a clone by full copy.
    pub fn full_copy(&mut self, ours: &Figures, copy: &Figures) {
        let (fork, copy) = (ours.get("fork-call-64MiB"), copy.get("full-copy-64MiB"));
        self.row(FULL_COPY, "ns", fork.copied(), copy.copied(), Must::Ratio(0.1));
    }

    /// A family's start beside an empty guest's.
    pub fn starts(&mut self, ours: &Figures, empty: &Figures) {
        let (ours, empty) = (ours.get("until"), empty.get("until"));
        self.row(START, "ns", ours.copied(), empty.copied(), Must::Ratio(0.3));
    }

    /// MiB of an idle worker.
    pub fn worker(&mut self, mib: Option<f64>) {
        self.row(WORKER, "MiB", mib, None, Must::AtMost(1.3));
    }

    /// Members alive at once.
    pub fn members(&mut self, count: Option<f64>) {
        self.row(MEMBERS, "", count, None, Must::AtLeast(500.0));
    }

    /// Minutes of all tests.
    pub fn tests(&mut self, minutes: Option<f64>) {
        self.row(TESTS, "min", minutes, None, Must::AtMost(15.0));
    }

    /// Whether no promise was missed.
    pub fn is_reached(&self) -> bool {
        !self.missed
    }
}
