//! `cartlog verify`: whether the log is whole and every row of every view what its events add up to.

use super::Outcome;
use super::progress::Progress;
use crate::config::Config;
use crate::service::subject;
use crate::verify::{VerifyState, VerifyStatus, verify};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// What the process ends with where there were findings, and where it could not be looked.
const FINDINGS: u8 = 1;
pub const COULD_NOT: u8 = 2;
/// How often progress is shown.
const TICK: Duration = Duration::from_millis(100);

/// Reads the files, whether a service has them or not.
pub fn run(config: &Config) -> Outcome {
    let subject = subject(config);
    let status = watch::Sender::default();
    let (_stop, stopping) = watch::channel(false);
    std::thread::scope(|scope| {
        let verifying = scope.spawn(|| verify(&subject, &status, &stopping));
        let progress = Progress::begin("events");
        while !verifying.is_finished() {
            std::thread::sleep(TICK);
            let (done, total) = {
                let status = status.borrow();
                (status.events_done, status.events_total)
            };
            progress.at(done, (total > 0).then_some(total));
        }
        progress.end();
    });
    let status = status.borrow().clone();
    if status.state == VerifyState::Failed {
        let reason = status.error.unwrap_or_default();
        return Err(format!("nothing was proved: {reason}").into());
    }
    let ending = report(&status, &mut io::stdout())
        .map_err(|error| format!("what was found cannot be written: {error}"))?;
    Ok(ExitCode::from(ending))
}

/// Writes what was found and says what to end with.
fn report(status: &VerifyStatus, out: &mut impl Write) -> io::Result<u8> {
    writeln!(
        out,
        "{} events and {} rows of views were checked",
        status.events_done, status.rows_checked
    )?;
    if let Some(note) = &status.note {
        writeln!(out, "the views were not checked: {note}")?;
    }
    for finding in &status.findings {
        writeln!(out, "{finding}")?;
    }
    match status.findings_total {
        0 => {
            writeln!(out, "sound: nothing was found")?;
            Ok(0)
        }
        total => {
            let shown = status.findings.len() as u64;
            writeln!(out, "{total} findings, the first {shown} of them above")?;
            Ok(FINDINGS)
        }
    }
}
