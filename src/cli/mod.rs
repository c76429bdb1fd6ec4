//! The command line: one file a subcommand.

mod descriptors;
mod logging;
mod progress;
mod serve;
mod simulate;

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
            eprintln!("cartlog: {error}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &Arguments) -> Outcome {
    let config = Config::load(arguments.config.as_deref())?;
    logging::start(&config);
    match &arguments.command {
        None | Some(Command::Serve) => serve::run(&config),
        Some(Command::Simulate(arguments)) => simulate::run(arguments),
    }
}
