//! Progress of the long steps, on standard error: a bar on a terminal, one plain line per step elsewhere.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How often, in seconds, a long step writes a plain line where there is no terminal.
const LINE_EVERY: u64 = 60;

/// How steps are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Silent,
}

/// Where the progress of a build goes.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    mode: Mode,
}

impl Progress {
    /// Bars if standard error is a terminal, plain lines otherwise.
    pub fn stderr() -> Progress {
        Progress { mode: if stderr().is_terminal() { Mode::Bars } else { Mode::Lines } }
    }

    /// Shows nothing.
    pub fn silent() -> Progress {
        Progress { mode: Mode::Silent }
    }

    /// Starts a step: a verb (`Unpacking`) and what it works on.
    pub fn step(&self, verb: &str, what: &str) -> Step {
        let bar = match self.mode {
            Mode::Bars => {
                let bar = ProgressBar::new_spinner().with_style(spinner());
                bar.enable_steady_tick(Duration::from_millis(100));
                bar
            }
            Mode::Lines | Mode::Silent => ProgressBar::hidden(),
        };
        bar.set_prefix(format!("{verb:>12}"));
        bar.set_message(what.to_owned());
        Step { mode: self.mode, verb: verb.to_owned(), bar, started: Instant::now(), told: AtomicU64::new(0) }
    }
}

/// One running step. It vanishes from the terminal when dropped unfinished, which leaves room for the error.
pub struct Step {
    mode: Mode,
    verb: String,
    bar: ProgressBar,
    started: Instant,
    /// How many times [`LINE_EVERY`] had passed when a plain line was last written.
    told: AtomicU64,
}

impl Step {
    /// How far the step is, and what it is at.
    pub fn at(&self, done: u64, total: u64, what: &str) {
        if self.bar.length() != Some(total) {
            self.bar.set_style(bar_style());
            self.bar.set_length(total);
        }
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
        let due = self.started.elapsed().as_secs() / LINE_EVERY;
        if self.mode == Mode::Lines && self.told.fetch_max(due, Ordering::Relaxed) < due {
            eprintln!("{:>12} {done} of {total}: {what}", self.verb);
        }
    }

    /// Ends the step with a line that stays: a verb in the past tense and what was done.
    pub fn done(self, verb: &str, what: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.bar.finish_and_clear();
        match self.mode {
            Mode::Bars => eprintln!("\x1b[1;32m{verb:>12}\x1b[0m {what} \x1b[2min {seconds:.1} s\x1b[0m"),
            Mode::Lines => eprintln!("{verb:>12} {what} in {seconds:.1} s"),
            Mode::Silent => {}
        }
    }

    /// Ends the step without a word.
    pub fn clear(self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn spinner() -> ProgressStyle {
    style("{prefix:.cyan.bold} {spinner} {wide_msg}")
}

fn bar_style() -> ProgressStyle {
    style("{prefix:.cyan.bold} [{bar:28.cyan}] {percent:>3}% {wide_msg}").progress_chars("=> ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
