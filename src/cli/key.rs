//! `cartlog key`: prints the verifier key of the log's checkpoints, or replaces the signing key.

use super::Outcome;
use super::progress::print_note;
use crate::config::Config;
use crate::log;
use crate::proof::{KeyFile, verifier_key};
use crate::signing::default_origin;
use clap::Args;
use std::io::{self, Write};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Key {
    /// Replace the key by a new one, which continues what the old one signed. The service must be
    /// stopped.
    #[arg(long, conflicts_with = "new_history")]
    rotate: bool,
    /// Replace the key, and give up the last signed checkpoint: for a log that lost events, or
    /// whose key is lost. Visitors who kept a checkpoint will see that. The service must be
    /// stopped.
    #[arg(long)]
    new_history: bool,
}

pub fn run(config: &Config, arguments: &Key) -> Outcome {
    let path = &config.proof.key_path;
    let key = if arguments.rotate || arguments.new_history {
        let log = log::open_read_only(&config.log_config())?;
        let settings = config.proof.key_settings();
        let (key, kept) = KeyFile::replace(&settings, &default_origin(&*log), arguments.rotate)?;
        for file in kept {
            print_note(format_args!("kept {}", file.display()));
        }
        key
    } else {
        verifier_key(path)?.ok_or_else(|| {
            format!(
                "no signing key at {}: it is generated when the service starts first",
                path.display()
            )
        })?
    };
    writeln!(io::stdout(), "{key}")?;
    Ok(ExitCode::SUCCESS)
}
