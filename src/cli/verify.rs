//! `cartlog verify`: checks the log's hash chains and compares every view row with the fold of its
//! events.

use super::Outcome;
use super::progress::{Progress, print_note};
use crate::config::Config;
use crate::log::LogHead;
use crate::proof::{SignedTreeHead, verifier_key};
use crate::service::subject;
use crate::verify::{VerifyState, VerifyStatus, VerifyTarget, verify};
use clap::Args;
use indicatif::HumanCount;
use std::fmt::Display;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use tokio::sync::watch;

/// The exit code if problems were found.
const PROBLEMS: u8 = 1;
/// The exit code if the verification itself failed.
pub const FAILED: u8 = 2;
/// How often the progress is updated.
const TICK: Duration = Duration::from_millis(100);

#[derive(Debug, Args)]
pub struct Verify {
    /// A head that verify, export or backup printed earlier: the log must have recorded exactly
    /// this up to there.
    #[arg(long, value_name = "POSITION:HASH")]
    expect: Option<LogHead>,
    /// A checkpoint of the past, as GET /log/checkpoint gave it: the log must extend it.
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
}

/// Reads the files, whether or not a service has them open.
pub fn run(config: &Config, arguments: &Verify) -> Outcome {
    let checkpoint = arguments.checkpoint.as_deref();
    let subject = VerifyTarget {
        expected_head: arguments.expect,
        checkpoint: checkpoint.map(|file| read(config, file)).transpose()?,
        ..subject(config)
    };
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

/// The checkpoint in `file`, which may have been signed by an earlier key than the present one, or
/// by that of another shop: the log is compared with it all the same.
fn read(config: &Config, file: &Path) -> Result<SignedTreeHead, String> {
    let failed = |error: &dyn Display| format!("cannot use {}: {error}", file.display());
    let note = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    let checkpoint = SignedTreeHead::read(&note).map_err(|error| failed(&error))?;
    let key = verifier_key(&config.proof.key_settings()).map_err(|error| failed(&error))?;
    match key.map(|key| SignedTreeHead::open(&note, &key)) {
        Some(Ok(_)) => {}
        Some(Err(error)) => print_note(format_args!(
            "{}: not signed by the present key: {error}",
            file.display()
        )),
        None => print_note(format_args!(
            "{}: its signature is not checked, since there is no key at {}",
            file.display(),
            config.proof.key_path.display()
        )),
    }
    Ok(checkpoint)
}

/// Writes the problems and returns the exit code.
fn report(status: &VerifyStatus, out: &mut impl Write) -> io::Result<u8> {
    writeln!(
        out,
        "checked {} events and {} view rows",
        HumanCount(status.events_done),
        HumanCount(status.rows_checked)
    )?;
    match status.head {
        Some(head) => writeln!(out, "head {head}")?,
        None => writeln!(out, "head unknown: the log cannot be read to its end")?,
    }
    match status.signed_events {
        Some(signed) => writeln!(
            out,
            "compared with the last signed checkpoint, of {} events",
            HumanCount(signed)
        )?,
        None => writeln!(out, "not compared: no checkpoint was signed")?,
    }
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
