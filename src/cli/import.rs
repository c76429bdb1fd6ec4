//! `cartlog import`: fills an empty log from an export.

use super::Outcome;
use super::progress::{Progress, print_note};
use crate::config::Config;
use crate::log;
use crate::transfer;
use clap::Args;
use indicatif::HumanCount;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Import {
    /// Export to read; defaults to standard input.
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
}

pub fn run(config: &Config, arguments: &Import) -> Outcome {
    let mut lines: Box<dyn BufRead> = match &arguments.input {
        None => Box::new(io::stdin().lock()),
        Some(file) => Box::new(BufReader::with_capacity(
            1 << 20,
            File::open(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?,
        )),
    };
    let log = config.log_config();
    let progress = Progress::start("events");
    let events = transfer::import(&mut lines, &log, &mut |done| {
        progress.update(done, None);
    });
    progress.finish();
    print_note(format_args!(
        "imported {} events into {}",
        HumanCount(events?),
        log::administration(&log).location()
    ));
    let secret = &config.security.secret_path;
    if !secret.exists() {
        print_note(format_args!(
            "the export has no secret: copy that of the exported log to {}, without which the \
             carts opened under a key cannot be served",
            secret.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
