//! The command line: one file a subcommand.

mod backup;
mod descriptors;
mod export;
mod import;
mod logging;
mod progress;
mod rebuild;
mod serve;
mod simulate;
mod verify;

use crate::config::Config;
use clap::{Parser, Subcommand};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

/// A shopping-cart service whose only truth is an append-only log of events.
#[derive(Debug, Parser)]
#[command(name = "cartlog", version)]
pub struct Arguments {
    /// The configuration; without it, config.toml in the working directory if it is there.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the shop, its API and its history (the default).
    Serve,
    /// Make all views anew from the log, compare them with those that serve, and let them serve.
    ///
    /// Where a service has the log, it is asked to do it, at server.bind with
    /// security.operator_token. Ends with 0 once the new views serve, whether or not rows differed,
    /// and with 1 if the views are still those from before.
    Rebuild,
    /// Check that the log is whole and unaltered and that every row of every view is the fold of its
    /// events, also beside a service that runs.
    ///
    /// Ends with 0 if it is sound, with 1 if there are findings, and with 2 if it could not be looked.
    Verify,
    /// Write the log as lines of JSON, a CloudEvent each; also while it serves.
    Export(export::Export),
    /// Fill an empty log from an export.
    Import(import::Import),
    /// Copy the log to a new file; also while it serves.
    Backup(backup::Backup),
    /// Play shoppers against a running service, to fill it with carts and to check its answers.
    Simulate(simulate::Simulate),
}

/// How a subcommand that ran to its end came out: what it looked for may not hold.
type Outcome = Result<ExitCode, Box<dyn Error>>;

/// Runs what `arguments` ask for. An error is printed as one line that says what to do.
pub fn run(arguments: &Arguments) -> ExitCode {
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            progress::remark(format_args!("cartlog: {error}"));
            match arguments.command {
                // 1 says that there are findings.
                Some(Command::Verify) => ExitCode::from(verify::COULD_NOT),
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
        Some(Command::Simulate(arguments)) => simulate::run(&config, arguments),
    }
}
