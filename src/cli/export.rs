//! `cartlog export`: writes the log as CloudEvents, one JSON document per line.

use super::Outcome;
use super::progress::{Progress, print_note};
use crate::config::Config;
use crate::files::Partial;
use crate::log::{self, LogReader};
use crate::transfer;
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
}

pub fn run(config: &Config, arguments: &Export) -> Outcome {
    let log = log::open_read_only(&config.log_config())?;
    let written = match &arguments.output {
        None => export(&*log, &mut BufWriter::new(io::stdout().lock()))?,
        Some(file) => {
            to_file(&*log, file).map_err(|error| format!("{}: {error}", file.display()))?
        }
    };
    print_note(format_args!("exported {} events", HumanCount(written)));
    Ok(ExitCode::SUCCESS)
}

fn to_file(log: &dyn LogReader, target: &Path) -> Result<u64, Box<dyn Error>> {
    if target.is_dir() {
        return Err("cannot write to a folder; name a file in it".into());
    }
    let mut partial = Partial::beside(target, "export")?;
    let written = export(log, &mut BufWriter::new(partial.file()))?;
    partial.replace(target)?;
    Ok(written)
}

fn export(log: &dyn LogReader, out: &mut dyn Write) -> Result<u64, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let progress = Progress::start("events");
    let written = runtime.block_on(transfer::export(log, out, &mut |done, total| {
        progress.update(done, Some(total));
    }));
    progress.finish();
    Ok(written?)
}
