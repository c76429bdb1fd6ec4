//! `cartlog proof check`: checks a proof that an event is in a log, without that log.

use super::Outcome;
use crate::proof::{EventProof, VerifierKey, WitnessKey};
use clap::{Args, Subcommand};
use indicatif::HumanCount;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct Proof {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the file of GET /api/carts/{id}/events/{version}/proof. Exit code 0 if it holds, 1 if
    /// not.
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// The proof, in the format c2sp.org/tlog-proof@v1.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The key of the log, as `cartlog key` prints it: NAME+ID+KEY.
    #[arg(long, value_name = "VKEY")]
    key: VerifierKey,
    /// The key of a witness that must have cosigned the checkpoint; may be repeated, for several
    /// that all must have.
    #[arg(long, value_name = "VKEY")]
    witness: Vec<WitnessKey>,
}

pub fn run(arguments: &Proof) -> Outcome {
    let Command::Check(Check { file, key, witness }) = &arguments.command;
    let refused = |error: String| format!("{} does not hold: {error}", file.display());
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    let proof = EventProof::check(&text, key).map_err(|error| refused(error.to_string()))?;
    let mut cosigned = Vec::new();
    for witness in witness {
        let cosignature = proof.checkpoint.cosignature(witness).map_err(|error| {
            refused(format!(
                "its checkpoint is not cosigned by the witness {}: {error}",
                witness.name()
            ))
        })?;
        cosigned.push((witness.name(), cosignature.at));
    }
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "the log {} has this event at position {}, in its signed checkpoint of {} events:",
        proof.checkpoint.origin,
        HumanCount(proof.position.0),
        HumanCount(proof.checkpoint.head.size)
    )?;
    writeln!(out, "{}", proof.event)?;
    for (name, at) in cosigned {
        let at = at.to_text();
        writeln!(
            out,
            "the witness {name} has cosigned that checkpoint at {}",
            at.as_str()
        )?;
    }
    Ok(ExitCode::SUCCESS)
}
