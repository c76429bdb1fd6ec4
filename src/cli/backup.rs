//! `cartlog backup`: a copy of the log, taken while it serves.

use super::Outcome;
use super::progress::{Progress, remark};
use crate::config::Config;
use crate::log::sqlite::back_up;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Backup {
    /// The file to make, where there must be none yet.
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

pub fn run(config: &Config, arguments: &Backup) -> Outcome {
    let progress = Progress::begin("pages");
    let outcome = back_up(&config.log.path, &arguments.target, &mut |done, all| {
        progress.at(done, Some(all));
    });
    progress.end();
    let events = outcome?;
    remark(format_args!(
        "{} is a whole copy of the log with its {events} events. To use it, set log.path to it, or put it in the log's place while nothing serves",
        arguments.target.display()
    ));
    Ok(ExitCode::SUCCESS)
}
