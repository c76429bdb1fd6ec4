//! `cartlog accept-secret`: replaces the recorded digest of a secret that is lost.

use super::Outcome;
use super::progress::print_note;
use crate::config::Config;
use crate::log;
use crate::secret::Secret;
use std::process::ExitCode;

pub fn run(config: &Config) -> Outcome {
    let log_config = config.log_config();
    let administration = log::administration(&log_config);
    // Opening creates a missing log; in the wrong folder that would hide the mistake.
    if !administration.exists() {
        let location = administration.location();
        return Err(format!("cannot accept a secret: no log at {location}; set log.path").into());
    }
    // Excludes a running service, which would go on with the secret that it has read.
    let opened = log::open(&log_config)?;
    let source = config.security.secret_source();
    let accepted = Secret::accept(&*administration, &source);
    opened.log.close();
    opened.worker.join();
    accepted?;
    print_note(format_args!(
        "the secret {source} is that of this log from now on: retries of earlier requests are \
         executed again"
    ));
    Ok(ExitCode::SUCCESS)
}
