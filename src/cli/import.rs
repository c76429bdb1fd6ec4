//! `cartlog import`: fills an empty log from an export.

use super::Outcome;
use super::progress::{Progress, print_note};
use crate::config::Config;
use crate::log;
use crate::secret::SecretSource;
use crate::transfer::{self, ClosingLine};
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
    /// Accept an export without closing line, as cartlog 0.1.0 wrote it: its end may be missing.
    #[arg(long)]
    incomplete: bool,
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
    let closing_line = if arguments.incomplete {
        ClosingLine::Optional
    } else {
        ClosingLine::Required
    };
    let imported = transfer::import(&mut lines, closing_line, &log, &mut |done| {
        progress.update(done, None);
    });
    progress.finish();
    let imported = imported?;
    print_note(format_args!(
        "imported {} events into {}; head {}",
        HumanCount(imported.events),
        log::administration(&log).location(),
        imported.head
    ));
    if !imported.is_closed {
        print_note("the export has no closing line: events may be missing at its end");
    }
    if let SecretSource::File(secret) = config.security.secret_source()
        && !secret.exists()
    {
        print_note(format_args!(
            "the export has no secret: copy that of the exported log to {}, without which the \
             carts opened under a key cannot be served",
            secret.display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}
