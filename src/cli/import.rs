//! `cartlog import`: an empty log filled from the lines of an export.

use super::Outcome;
use super::progress::{Progress, remark};
use crate::config::Config;
use crate::transfer;
use clap::Args;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Import {
    /// The export to read. Without it, standard input.
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
}

pub fn run(config: &Config, arguments: &Import) -> Outcome {
    let mut lines: Box<dyn BufRead> = match &arguments.input {
        None => Box::new(io::stdin().lock()),
        Some(file) => Box::new(BufReader::with_capacity(
            1 << 20,
            File::open(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
        )),
    };
    let progress = Progress::begin("events");
    let events = transfer::import(&mut lines, &config.log.path, &mut |done| {
        progress.at(done, None);
    });
    progress.end();
    remark(format_args!(
        "imported {} events into {}",
        events?,
        config.log.path.display()
    ));
    Ok(ExitCode::SUCCESS)
}
