//! How far a long piece of work is: a bar for whoever watches a terminal, now and then a line where
//! standard error goes to a file.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The progress of one piece of work, told on standard error.
pub struct Progress {
    what: &'static str,
    total: u64,
    bar: Option<ProgressBar>,
    told: Mutex<Instant>,
}

impl Progress {
    /// Begins `total` steps of `what`, such as "carts".
    pub fn begin(what: &'static str, total: u64) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{wide_bar} {human_pos} of {human_len} {msg}, {per_sec}, {eta} left",
            )
            .expect("the template is sound");
            ProgressBar::new(total).with_style(style).with_message(what)
        });
        Progress {
            what,
            total,
            bar,
            told: Mutex::new(Instant::now()),
        }
    }

    /// Says that `done` steps are behind.
    pub fn at(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        // Whoever finds it taken leaves the line to whoever has it.
        if let Ok(mut told) = self.told.try_lock()
            && told.elapsed() >= LINE_EVERY
        {
            *told = Instant::now();
            eprintln!("{done} of {} {}", self.total, self.what);
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
