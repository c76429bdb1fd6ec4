//! `cartlog backup`: copies the log, also while a service runs.

use super::key_copies::KeyCopies;
use super::progress::{Progress, print_note};
use super::{Outcome, target};
use crate::config::Config;
use crate::log;
use clap::Args;
use indicatif::HumanCount;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Backup {
    /// Folder to create, with copies of the secret, the signing key and its last checkpoint; must
    /// not exist yet. Without it they are not backed up.
    #[arg(long, value_name = "FOLDER")]
    keys: Option<PathBuf>,
    /// File to create; must not exist yet.
    #[arg(value_name = "TARGET")]
    target: PathBuf,
}

pub fn run(config: &Config, arguments: &Backup) -> Outcome {
    target::refuse_unwritable(config, &arguments.target)?;
    // Before the log: a checkpoint of events that the copied log does not have would stop its
    // signatures.
    let keys = match &arguments.keys {
        Some(folder) => Some(KeyCopies::read(config, folder)?),
        None => None,
    };
    let progress = Progress::start("pages");
    let log = log::administration(&config.log_config());
    let outcome = log.back_up(&arguments.target, &mut |done, total| {
        progress.update(done, Some(total));
        ControlFlow::Continue(())
    });
    progress.finish();
    let head = outcome?;
    print_note(format_args!(
        "backed up {} events to {}; head {head}; to restore, stop the service and set log.path to \
         this file",
        HumanCount(head.position.0),
        arguments.target.display()
    ));
    match keys {
        Some(keys) => keys.write()?,
        None => warn_of_missing_keys(config),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says which files are needed beside the backup.
fn warn_of_missing_keys(config: &Config) {
    print_note(format_args!(
        "the secret {} is not in the backup: keep a copy of it too, in another place (--keys); a \
         service on the backup starts only with it",
        config.security.secret_source()
    ));
    print_note(format_args!(
        "the signing key {} and the checkpoint beside it are not in the backup either: without \
         them the log is signed under another key (docs/proof.md)",
        config.proof.key_path.display()
    ));
}
