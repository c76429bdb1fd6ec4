//! The files that subcommands create: never in place of what the service needs.

use crate::config::Config;
use crate::files::is_same_file;
use crate::{log, views};
use std::path::Path;

/// Fails if `target` is a file of the log, the views or the secret, under any name, or is not a
/// regular file.
pub fn refuse_unwritable(config: &Config, target: &Path) -> Result<(), String> {
    let refused = |reason: &str| Err(format!("{}: {reason}; name another file", target.display()));
    let log = log::administration(&config.log_config()).files();
    if log.iter().any(|own| is_same_file(own, target)) {
        return refused("must not be a file of the log (log.path)");
    }
    if views::owns(&config.views.path, target) {
        return refused("must not be a file of the views (views.path)");
    }
    if is_same_file(&config.security.secret_path, target) {
        return refused("must not be the secret (security.secret_path)");
    }
    match target.symlink_metadata() {
        Ok(found) if found.is_dir() => refused("cannot write to a folder"),
        Ok(found) if !found.is_file() => refused("it exists and is not a regular file"),
        Ok(_) | Err(_) => Ok(()),
    }
}
