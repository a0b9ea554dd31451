//! The table: what was measured, beside what it is compared with and what it must be.

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

struct Row {
    what: String,
    unit: &'static str,
    ours: Option<f64>,
    other: Option<f64>,
    must: Must,
}

/// All rows.
#[derive(Default)]
pub struct Table {
    rows: Vec<Row>,
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
            "{:<46} {:>12} {:>12} {:>10} {:>12}  {verdict}",
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

impl Table {
    /// Adds a row.
    pub fn row(&mut self, what: &str, unit: &'static str, ours: Option<f64>, other: Option<f64>, must: Must) {
        self.rows.push(Row { what: what.to_owned(), unit, ours, other, must });
    }

    /// What the same program gives on both; `small` are the guest's figures without huge pages.
    pub fn calls_and_forks(&mut self, ours: &Figures, linux: &Figures, small: &Figures) {
        let mut row = |what: &str, name: &str, other: &Figures, must| {
            self.row(what, "ns", ours.get(name).copied(), other.get(name).copied(), must);
        };
        row("getppid", "getppid", linux, Must::Ratio(0.6));
        row("fork + exit + wait, 1 MiB", "fork-exit-wait-1MiB", linux, Must::Ratio(4.0));
        row("parent's pause in fork, 1 MiB", "fork-call-1MiB", linux, Must::Ratio(1.5));
        row("parent's pause in fork, 64 MiB", "fork-call-64MiB", linux, Must::Ratio(0.5));
        row("  beside a guest with 4 KiB pages", "fork-call-64MiB", small, Must::Nothing);
        row("fork + exit + wait, 64 MiB", "fork-exit-wait-64MiB", linux, Must::Nothing);
        row("  beside a guest with 4 KiB pages", "fork-exit-wait-64MiB", small, Must::Nothing);
        row("pipe round trip, 1 byte", "pipe-round-trip", linux, Must::Ratio(3.0));
        // Time for each write: a throughput at least as high.
        row("pipe, time for 64 KiB", "pipe-64KiB", linux, Must::Ratio(1.0));
    }

    /// Those of a fork, exit and wait, warm shell, 1 MiB.
    pub fn hypercalls(&mut self, count: u32) {
        self.row(
            "hypercalls of a fork + exit + wait, 1 MiB",
            "",
            Some(count.into()),
            None,
            Must::AtMost(60.0),
        );
    }

    /// A fork beside a clone by full copy.
    pub fn full_copy(&mut self, ours: &Figures, copy: &Figures) {
        let (fork, copy) = (ours.get("fork-call-64MiB"), copy.get("full-copy-64MiB"));
        self.row("the same beside a full copy, 64 MiB", "ns", fork.copied(), copy.copied(), Must::Ratio(0.1));
    }

    /// A family's start beside an empty guest's.
    pub fn starts(&mut self, ours: &Figures, empty: &Figures) {
        let (ours, empty) = (ours.get("until"), empty.get("until"));
        self.row("start of a family to main", "ns", ours.copied(), empty.copied(), Must::Ratio(0.3));
    }

    /// MiB of an idle worker.
    pub fn worker(&mut self, mib: Option<f64>) {
        self.row("memory of an idle forked nginx worker", "MiB", mib, None, Must::AtMost(1.3));
    }

    /// Members alive at once.
    pub fn members(&mut self, count: Option<f64>) {
        self.row("members alive at once in a lab of 4 GiB", "", count, None, Must::AtLeast(500.0));
    }

    /// Minutes of all tests.
    pub fn tests(&mut self, minutes: Option<f64>) {
        self.row("wall time of the last whole lab test", "min", minutes, None, Must::AtMost(15.0));
    }

    /// Prints all of it.
    pub fn print(&self) {
        println!("{:<46} {:>12} {:>12} {:>10} {:>12}", "figure", "ours", "compared", "ratio", "must be");
        self.rows.iter().for_each(|row| println!("{}", row.line()));
    }

    /// Whether no promise was missed.
    pub fn is_reached(&self) -> bool {
        self.rows.iter().all(|row| row.reached() != Some(false))
    }
}
