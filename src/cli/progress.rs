//! Progress of long work on standard error: a bar on a terminal, a line every few seconds
//! elsewhere.

use indicatif::{HumanCount, ProgressBar, ProgressStyle};
use std::fmt::Display;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a line is written where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The bar on the terminal, if one is shown.
static ACTIVE_BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Standard error for whole lines: they go above the bar and do not break it.
pub struct StderrLines;

impl Write for StderrLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let active = ACTIVE_BAR.lock().unwrap_or_else(PoisonError::into_inner);
        let write = || io::stderr().write(line);
        match &*active {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Prints one line on standard error. A closed pipe is ignored: it must not abort the work.
pub fn print_note(line: impl Display) {
    let _ = StderrLines.write_all(format!("{line}\n").as_bytes());
}

fn set_active_bar(bar: Option<ProgressBar>) {
    *ACTIVE_BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// The progress of one task, shared by its threads.
pub struct Progress {
    unit: &'static str,
    bar: Option<ProgressBar>,
    last_line_at: Mutex<Instant>,
}

impl Progress {
    /// Starts to count `unit`, such as "carts".
    pub fn start(unit: &'static str) -> Progress {
        let bar = std::io::stderr().is_terminal().then(|| {
            ProgressBar::no_length()
                .with_style(style("{spinner} {human_pos} {msg}, {per_sec}"))
                .with_message(unit)
        });
        set_active_bar(bar.clone());
        Progress {
            unit,
            bar,
            last_line_at: Mutex::new(Instant::now()),
        }
    }

    /// Reports that `done` units are finished, out of `total` if that is known.
    pub fn update(&self, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            if let Some(total) = total
                && bar.length() != Some(total)
            {
                bar.set_style(style(
                    "{wide_bar} {human_pos} of {human_len} {msg}, {percent} %, {per_sec}, \
                     {eta} left",
                ));
                bar.set_length(total);
            }
            bar.set_position(done);
            return;
        }
        // If the lock is taken, another thread is about to print the line.
        if let Ok(mut last_line_at) = self.last_line_at.try_lock()
            && last_line_at.elapsed() >= LINE_INTERVAL
        {
            *last_line_at = Instant::now();
            let (done, unit) = (HumanCount(done), self.unit);
            match total {
                Some(total) => print_note(format_args!("{done} of {} {unit}", HumanCount(total))),
                None => print_note(format_args!("{done} {unit}")),
            }
        }
    }

    /// Removes the bar.
    pub fn finish(self) {
        set_active_bar(None);
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).expect("the template is valid")
}
