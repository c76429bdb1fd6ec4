//! The files that subcommands create: never in place of what the service needs.

use crate::config::Config;
use crate::file_lock::locked_files;
use crate::files::is_same_file;
use crate::proof::checkpoint_path;
use crate::{log, views};
use std::path::Path;

/// Fails if `target` is a file of the log, the views, the webhooks, the history of jobs, the secret
/// or the signing key, under any name, or is not a regular file.
pub fn refuse_unwritable(config: &Config, target: &Path) -> Result<(), String> {
    let refused = |reason: &str| Err(format!("{}: {reason}; name another file", target.display()));
    let log = log::administration(&config.log_config()).files();
    if log.iter().any(|own| is_same_file(own, target)) {
        return refused("must not be a file of the log (log.path)");
    }
    if views::owns(&config.views.path, target) {
        return refused("must not be a file of the views (views.path)");
    }
    if locked_files(&config.log.webhooks_path()).any(|own| is_same_file(&own, target)) {
        return refused("must not be a file of the webhooks, which is beside the log (log.path)");
    }
    if is_same_file(&config.log.jobs_path(), target) {
        return refused("must not be the history of jobs, which is beside the log (log.path)");
    }
    if is_same_file(&config.security.secret_path, target) {
        return refused("must not be the secret (security.secret_path)");
    }
    let key = &config.proof.key_path;
    if [key, &checkpoint_path(key)]
        .iter()
        .any(|own| is_same_file(own, target))
    {
        return refused("must not be the signing key or its checkpoint (proof.key_path)");
    }
    match target.symlink_metadata() {
        Ok(found) if found.is_dir() => refused("cannot write to a folder"),
        Ok(found) if !found.is_file() => refused("it exists and is not a regular file"),
        Ok(_) | Err(_) => Ok(()),
    }
}
