//! The command line: one file a subcommand.

mod accept_secret;
mod backup;
mod descriptors;
mod export;
mod import;
mod logging;
mod progress;
mod rebuild;
mod serve;
mod simulate;
mod target;
mod verify;

use crate::config::Config;
use clap::{Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// An event-sourced shopping-cart service on an append-only log.
#[derive(Debug, Parser)]
#[command(name = "cartlog", version)]
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
    Verify,
    /// Export the log as CloudEvents, one JSON document per line; also while a service runs.
    Export(export::Export),
    /// Import an export into an empty log.
    Import(import::Import),
    /// Copy the log to a new file; also while a service runs.
    Backup(backup::Backup),
    /// Accept the secret at security.secret_path for this log, if its own secret is lost.
    ///
    /// A missing one is generated. A client that retries an opening from before under its
    /// idempotency key then gets another cart.
    AcceptSecret,
    /// Simulate shoppers against a running service: creates carts and checks every response.
    Simulate(simulate::Simulate),
}

/// The exit code of a subcommand that ran to its end, or the error that stopped it.
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Runs the subcommand. An error is printed as one line on standard error. Files that it creates are
/// this user's alone: log, views, secret, exports and backups have the customers' data.
pub fn run(arguments: &Arguments) -> ExitCode {
    umask(Mode::RWXG | Mode::RWXO);
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            progress::print_note(format_args!("cartlog: {error}"));
            match arguments.command {
                // 1 means that the verification found problems.
                Some(Command::Verify) => ExitCode::from(verify::FAILED),
                _ => ExitCode::FAILURE,
            }
        }
    }
}

fn dispatch(arguments: &Arguments) -> Outcome {
    let config = Config::load(arguments.config.as_deref())?;
    logging::start(&config);
    match &arguments.command {
        None | Some(Command::Serve) => serve::run(&config),
        Some(Command::Rebuild) => rebuild::run(&config),
        Some(Command::Verify) => verify::run(&config),
        Some(Command::Export(arguments)) => export::run(&config, arguments),
        Some(Command::Import(arguments)) => import::run(&config, arguments),
        Some(Command::Backup(arguments)) => backup::run(&config, arguments),
        Some(Command::AcceptSecret) => accept_secret::run(&config),
        Some(Command::Simulate(arguments)) => simulate::run(&config, arguments),
    }
}
