//! `cartlog key`: prints the verifier key of the log's checkpoints, or replaces the signing key.

use super::Outcome;
use super::progress::print_note;
use crate::config::Config;
use crate::log;
use crate::proof::{KeyFile, SigningKey, verifier_key};
use crate::signing::default_origin;
use clap::Args;
use std::io::{self, Write};
use std::process::ExitCode;
use uuid::Uuid;

#[derive(Debug, Args)]
pub struct Key {
    /// Print a new signing key, for proof.key of nodes that will share a log. Nothing is replaced.
    #[arg(long, conflicts_with_all = ["rotate", "new_history"])]
    generate: bool,
    /// Replace the key by a new one, which continues what the old one signed. The service must be
    /// stopped; of nodes that share a log, all of them. Give each the new key.
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
    if arguments.generate {
        let origin = config.proof.key_settings().origin;
        let name = origin.unwrap_or_else(|| format!("cartlog/{}", Uuid::now_v7()));
        write!(io::stdout(), "{}", SigningKey::generate(&name)?.to_text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let key = if arguments.rotate || arguments.new_history {
        let log_config = config.log_config();
        let log = log::open_read_only(&log_config)?;
        let administration = log::administration(&log_config);
        let shared = administration.note()?;
        let settings = config.proof.key_settings();
        let publish = |next: &str| match administration.replace_note(shared.as_deref(), next) {
            Ok(true) => Ok(()),
            Ok(false) => Err("a node has signed meanwhile: stop all nodes".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        let (key, kept) = KeyFile::replace(
            &settings,
            &default_origin(&*log),
            arguments.rotate,
            shared.as_deref(),
            publish,
        )?;
        for file in kept {
            print_note(format_args!("kept {}", file.display()));
        }
        key
    } else {
        verifier_key(&config.proof.key_settings())?.ok_or_else(|| {
            format!(
                "no signing key at {}: it is generated when the service starts first",
                path.display()
            )
        })?
    };
    writeln!(io::stdout(), "{key}")?;
    Ok(ExitCode::SUCCESS)
}
