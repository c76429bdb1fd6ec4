//! The rules about files: each setting names one, and no two the same.

use super::{Config, Invalid};
use crate::files::is_same_file;
use crate::proof::checkpoint_path;

/// Fails unless each file of the service has a path of its own.
pub(super) fn validate(config: &Config) -> Result<(), Invalid> {
    let (views, log) = (&config.views.path, &config.log.path);
    let (secret, key) = (&config.security.secret_path, &config.proof.key_path);
    for (key, path) in [
        ("log.path", log),
        ("views.path", views),
        ("security.secret_path", secret),
        ("proof.key_path", key),
    ] {
        if path.as_os_str().is_empty() {
            let problem = "must not be empty; expected a file path".to_owned();
            return Err(Invalid { key, problem });
        }
    }
    let files = [
        ("log.path", log),
        ("security.secret_path", secret),
        ("views.path", views),
        ("log.replica_path", &config.log.replica_path()),
        // Beside the log.
        ("log.path", &config.log.webhooks_path()),
        ("log.path", &config.log.jobs_path()),
        ("proof.key_path", key),
        // Beside the key.
        ("proof.key_path", &checkpoint_path(key)),
    ];
    for (place, (key, path)) in files.iter().enumerate() {
        for (other_key, other) in &files[..place] {
            if path == other || is_same_file(path, other) {
                let path = path.display();
                let problem = format!("= \"{path}\" must not be the file of {other_key}");
                return Err(Invalid { key, problem });
            }
        }
    }
    Ok(())
}
