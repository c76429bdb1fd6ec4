//! The limit of open files: every connection takes one, and so does every file a query opens.

use rustix::process::{Resource, getrlimit, setrlimit};

/// Reserved for the log, the views, their readers and the workers.
const RESERVED: u64 = 128;
/// Connections that the limit must allow at least.
const MIN_CONNECTIONS: u64 = 16;

/// Raises the soft limit to the hard limit and returns how many connections fit below it. Without
/// this bound, connections could use up all descriptors, and the log could not be read any more.
///
/// The usual soft limit of 1,024 protects programs that use `select`; cartlog does not.
pub fn connection_capacity() -> Result<usize, String> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(files) = limit.current else {
        return Ok(usize::MAX);
    };
    match files.checked_sub(RESERVED) {
        Some(left) if left >= MIN_CONNECTIONS => Ok(usize::try_from(left).unwrap_or(usize::MAX)),
        Some(_) | None => Err(format!(
            "the limit of {files} open files must be at least {}; raise it with ulimit -n",
            RESERVED + MIN_CONNECTIONS
        )),
    }
}
