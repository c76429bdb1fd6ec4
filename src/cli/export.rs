//! `cartlog export`: writes the log as CloudEvents, one JSON document per line.

use super::progress::{Progress, print_note};
use super::{Outcome, target};
use crate::config::Config;
use crate::files::Partial;
use crate::log::{self, LogReader};
use crate::transfer::{self, ExportSummary};
use clap::Args;
use indicatif::HumanCount;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Export {
    /// File to write, complete or not at all; defaults to standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Replace the file if it exists.
    #[arg(long, requires = "output")]
    force: bool,
}

pub fn run(config: &Config, arguments: &Export) -> Outcome {
    let log = log::open_read_only(&config.log_config())?;
    let written = match &arguments.output {
        None => export(&*log, &mut BufWriter::new(io::stdout().lock()))?,
        Some(file) => {
            target::refuse_unwritable(config, file)?;
            to_file(&*log, file, arguments.force)
                .map_err(|error| format!("{}: {error}", file.display()))?
        }
    };
    print_note(format_args!(
        "exported {} events; head {}",
        HumanCount(written.events),
        written.head
    ));
    Ok(ExitCode::SUCCESS)
}

fn to_file(
    log: &dyn LogReader,
    target: &Path,
    force: bool,
) -> Result<ExportSummary, Box<dyn Error>> {
    const EXISTS: &str = "it exists already; name another file, or replace it with --force";
    if !force && target.exists() {
        return Err(EXISTS.into());
    }
    let mut partial = Partial::beside(target, "export")?;
    let written = export(log, &mut BufWriter::new(partial.file()))?;
    if force {
        partial.replace(target)?;
        return Ok(written);
    }
    match partial.place(target) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(EXISTS.into()),
        placed => Ok(placed.map(|()| written)?),
    }
}

fn export(log: &dyn LogReader, out: &mut dyn Write) -> Result<ExportSummary, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let progress = Progress::start("events");
    let written = runtime.block_on(transfer::export(log, out, &mut |done, total| {
        progress.update(done, Some(total));
    }));
    progress.finish();
    Ok(written?)
}
