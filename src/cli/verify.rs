//! `cartlog verify`: checks the log's hash chains and compares every view row with the fold of its
//! events.

use super::Outcome;
use super::progress::Progress;
use crate::config::Config;
use crate::service::subject;
use crate::verify::{VerifyState, VerifyStatus, verify};
use indicatif::HumanCount;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// The exit code if problems were found.
const PROBLEMS: u8 = 1;
/// The exit code if the verification itself failed.
pub const FAILED: u8 = 2;
/// How often the progress is updated.
const TICK: Duration = Duration::from_millis(100);

/// Reads the files, whether or not a service has them open.
pub fn run(config: &Config) -> Outcome {
    let subject = subject(config);
    let status = watch::Sender::default();
    let (_stop, stopping) = watch::channel(false);
    std::thread::scope(|scope| {
        let verifying = scope.spawn(|| verify(&subject, &status, &stopping));
        let progress = Progress::start("events");
        while !verifying.is_finished() {
            std::thread::sleep(TICK);
            let (done, total) = {
                let status = status.borrow();
                (status.events_done, status.events_total)
            };
            progress.update(done, (total > 0).then_some(total));
        }
        progress.finish();
    });
    let status = status.borrow().clone();
    if status.state == VerifyState::Failed {
        let reason = status.error.unwrap_or_default();
        return Err(format!("verification failed: {reason}").into());
    }
    let code = report(&status, &mut io::stdout())
        .map_err(|error| format!("the verification report cannot be written: {error}"))?;
    Ok(ExitCode::from(code))
}

/// Writes the problems and returns the exit code.
fn report(status: &VerifyStatus, out: &mut impl Write) -> io::Result<u8> {
    writeln!(
        out,
        "checked {} events and {} view rows",
        HumanCount(status.events_done),
        HumanCount(status.rows_checked)
    )?;
    if let Some(note) = &status.note {
        writeln!(out, "views not checked: {note}")?;
    }
    for finding in &status.findings {
        writeln!(out, "{finding}")?;
    }
    let shown = status.findings.len() as u64;
    match status.findings_total {
        0 => {
            writeln!(out, "no problems found")?;
            return Ok(0);
        }
        1 => writeln!(out, "1 problem found")?,
        total if total == shown => writeln!(out, "{} problems found", HumanCount(total))?,
        total => writeln!(
            out,
            "{} problems found; showing the first {shown}",
            HumanCount(total)
        )?,
    }
    Ok(PROBLEMS)
}
