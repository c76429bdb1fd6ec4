//! `cartlog export`: the log as lines of CloudEvents.

use super::Outcome;
use super::progress::{Progress, remark};
use crate::config::Config;
use crate::files::Partial;
use crate::log::EventLog;
use crate::log::sqlite::ReadOnlyLog;
use crate::transfer;
use clap::Args;
use std::error::Error;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Export {
    /// Where the lines go: a file that is there whole or not at all. Without it, standard output.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub fn run(config: &Config, arguments: &Export) -> Outcome {
    let log = ReadOnlyLog::open(&config.log.path)?;
    let written = match &arguments.output {
        None => export(&log, &mut BufWriter::new(io::stdout().lock()))?,
        Some(file) => {
            to_file(&log, file).map_err(|error| format!("{}: {error}", file.display()))?
        }
    };
    remark(format_args!("exported {written} events"));
    Ok(ExitCode::SUCCESS)
}

fn to_file(log: &dyn EventLog, target: &Path) -> Result<u64, Box<dyn Error>> {
    if target.is_dir() {
        return Err("it is a folder, and the export is a file: name one in it".into());
    }
    let mut partial = Partial::beside(target, "export")?;
    let written = export(log, &mut BufWriter::new(partial.file()))?;
    partial.replace(target)?;
    Ok(written)
}

fn export(log: &dyn EventLog, out: &mut dyn Write) -> Result<u64, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let progress = Progress::begin("events");
    let written = runtime.block_on(transfer::export(log, out, &mut |done, all| {
        progress.at(done, Some(all));
    }));
    progress.end();
    Ok(written?)
}
