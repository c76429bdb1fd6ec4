//! The command line: one file a subcommand.

mod accept_secret;
mod backup;
mod descriptors;
mod export;
mod healthcheck;
mod import;
mod key;
mod key_copies;
mod logging;
mod progress;
mod proof;
mod rebuild;
mod serve;
mod service_client;
mod service_manager;
mod simulate;
mod target;
mod verify;
mod witness;

use crate::config::Config;
use clap::{Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

/// An event-sourced shopping-cart service on an append-only log.
#[derive(Debug, Parser)]
#[command(name = "cartlog", version = crate::build::VERSION.as_str())]
pub struct Arguments {
    /// Configuration file; defaults to config.toml in the working directory, if it exists.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service: shop, API and history (the default).
    Serve,
    /// Rebuild all views from the log, compare them with the current ones, and swap them in.
    ///
    /// If a service has the log open, it is asked to rebuild, at server.bind with
    /// security.operator_token. Exit code 0 once the new views are in use, whether or not rows
    /// differed; 1 if the rebuild failed and the old views stay.
    Rebuild,
    /// Verify the log's hash chains and compare every view row with the fold of its events.
    ///
    /// Works on the files, also while a service runs. Exit code 0 if no problems were found, 1 if
    /// there are problems, 2 if the verification failed.
    ///
    /// The log must also extend the checkpoint that was signed last (proof.key_path), so that a log
    /// without its last events, without whole streams, or with hash chains that were computed again
    /// is found. An attacker who can replace the log may replace that file too: keep a checkpoint
    /// in another place, and verify later with --checkpoint, or the head that it prints with
    /// --expect.
    Verify(verify::Verify),
    /// Export the log as CloudEvents, one JSON document per line; also while a service runs.
    ///
    /// The last line closes the export: a CloudEvent of type cartlog.export.completed.v1 with the
    /// log's id, the number of events, and position and hash of the last one. The hash is that of
    /// all events: jq -r '.hash // empty' FILE | sha256sum.
    Export(export::Export),
    /// Import an export into an empty log.
    ///
    /// The export must be complete, up to its closing line. Any other tool may have changed its
    /// spacing, but not the order of its lines.
    Import(import::Import),
    /// Copy the log to a new file; also while a service runs.
    Backup(backup::Backup),
    /// Accept the secret at security.secret_path for this log, if its own secret is lost.
    ///
    /// A missing one is generated. A client that retries an opening from before under its
    /// idempotency key then gets another cart.
    AcceptSecret,
    /// Check that the service at server.bind can serve requests, for a container's health check.
    ///
    /// Exit code 0 if GET /readyz responds with 200; otherwise 1, and the reason on standard error.
    Healthcheck,
    /// Print the key that checkpoints of the log are verified with, or replace it.
    Key(key::Key),
    /// Check a proof that an event is in the log, without the log.
    Proof(proof::Proof),
    /// Cosign the checkpoints of another service's log (C2SP tlog-witness).
    ///
    /// Serves POST /add-checkpoint. Prints the verifier key for that service's proof.witnesses. It
    /// cosigns a checkpoint only if it extends the last one that it has cosigned, so that the log
    /// cannot show different histories to those who require its cosignature. Run it on another
    /// machine, under another operator, with https in front of it.
    Witness(witness::Witness),
    /// Simulate shoppers against a running service: creates carts and checks every response.
    Simulate(simulate::Simulate),
}

/// The exit code of a subcommand that ran to its end, or the error that stopped it.
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Runs the subcommand. An error is printed as one line on standard error. Files that it creates
/// are this user's alone: log, views, secret, exports and backups have the customers' data.
pub fn run(arguments: &Arguments) -> ExitCode {
    umask(Mode::RWXG | Mode::RWXO);
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            progress::print_note(format_args!("cartlog: {error}"));
            match arguments.command {
                // 1 means that the verification found problems.
                Some(Command::Verify(_)) => ExitCode::from(verify::FAILED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(arguments: &Arguments) -> Outcome {
    check_clock()?;
    let config = Config::load(arguments.config.as_deref())?;
    let errors = logging::start(&config);
    match &arguments.command {
        None | Some(Command::Serve) => serve::run(&config, errors),
        Some(Command::Rebuild) => rebuild::run(&config),
        Some(Command::Verify(arguments)) => verify::run(&config, arguments),
        Some(Command::Export(arguments)) => export::run(&config, arguments),
        Some(Command::Import(arguments)) => import::run(&config, arguments),
        Some(Command::Backup(arguments)) => backup::run(&config, arguments),
        Some(Command::Healthcheck) => healthcheck::run(&config),
        Some(Command::AcceptSecret) => accept_secret::run(&config),
        Some(Command::Key(arguments)) => key::run(&config, arguments),
        Some(Command::Proof(arguments)) => proof::run(arguments),
        Some(Command::Witness(arguments)) => witness::run(arguments),
        Some(Command::Simulate(arguments)) => simulate::run(&config, arguments),
    }
}

/// Ids and the dates of HTTP count from 1970, and libraries panic before it.
fn check_clock() -> Result<(), String> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map(|_| ())
        .map_err(|early| {
            let seconds = early.duration().as_secs();
            format!("the system clock is {seconds} seconds before 1970; it must be set")
        })
}
