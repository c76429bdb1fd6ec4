//! `cartlog backup`: copies the log, also while a service runs.

use super::progress::{Progress, print_note};
use super::{Outcome, target};
use crate::config::Config;
use crate::log;
use clap::Args;
use indicatif::HumanCount;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Backup {
    /// File to create; must not exist yet.
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

pub fn run(config: &Config, arguments: &Backup) -> Outcome {
    target::refuse_unwritable(config, &arguments.target)?;
    let progress = Progress::start("pages");
    let log = log::administration(&config.log_config());
    let outcome = log.back_up(&arguments.target, &mut |done, total| {
        progress.update(done, Some(total));
    });
    progress.finish();
    let events = outcome?;
    print_note(format_args!(
        "backed up {} events to {}; to restore, stop the service and set log.path to this file",
        HumanCount(events),
        arguments.target.display()
    ));
    print_note(format_args!(
        "the secret {} is not in the backup: keep a copy of it too, in another place; a service on \
         the backup starts only with it",
        config.security.secret_path.display()
    ));
    Ok(ExitCode::SUCCESS)
}
