//! How far a long piece of work is: a bar for whoever watches a terminal, now and then a line where
//! standard error goes to a file.

use indicatif::{ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// The bar that is on the terminal, if there is one.
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Standard error for whole lines, which stand above the bar and do not break into it.
pub struct Lines;

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || io::stderr().write(line);
        match &*shown {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Says `words` on standard error, in a line of their own. Perhaps nobody hears them any more, which is
/// no reason to leave the work half done.
pub fn remark(words: impl Display) {
    let _ = Lines.write_all(format!("{words}\n").as_bytes());
}

fn show(bar: Option<ProgressBar>) {
    *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// The progress of one piece of work, told on standard error.
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    told: Mutex<Instant>,
}

impl Progress {
    /// Begins steps of `what`, such as "carts".
    pub fn begin(what: &'static str) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            ProgressBar::no_length()
                .with_style(style("{spinner} {human_pos} {msg}, {per_sec}"))
                .with_message(what)
        });
        show(bar.clone());
        Progress {
            what,
            bar,
            told: Mutex::new(Instant::now()),
        }
    }

    /// Says that `done` steps are behind, of all that there are, where that is known.
    pub fn at(&self, done: u64, all: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(all) = all
                && bar.length() != Some(all)
            {
                bar.set_style(style(
                    "{wide_bar} {human_pos} of {human_len} {msg}, {percent} %, {per_sec}, {eta} left",
                ));
                bar.set_length(all);
            }
            bar.set_position(done);
            return;
        }
        // Whoever finds it taken leaves the line to whoever has it.
        if let Ok(mut told) = self.told.try_lock()
            && told.elapsed() >= LINE_EVERY
        {
            *told = Instant::now();
            match all {
                Some(all) => remark(format_args!("{done} of {all} {}", self.what)),
                None => remark(format_args!("{done} {}", self.what)),
            }
        }
    }

    /// Takes the bar away.
    pub fn end(self) {
        show(None);
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is sound")
}
