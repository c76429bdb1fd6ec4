//! File descriptors: every connection takes one, and so does every file that a question opens.

use rustix::process::{Resource, getrlimit, setrlimit};

/// How many are kept from connections, for the log, the views, their readers and the workers.
const KEPT: u64 = 128;
/// How many connections there must be room for, at least.
const LEAST: u64 = 16;

/// Takes as many descriptors as the process may have, and says how many connections these leave
/// room for: a service whose connections had used them up could not read its own log any more.
///
/// The usual limit of 1,024 is there for programs that use `select`, which this one does not.
pub fn for_connections() -> Result<usize, String> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "the limit of open files stays as it is");
            limit = getrlimit(Resource::Nofile);
        }
    }
    let Some(files) = limit.current else {
        return Ok(usize::MAX);
    };
    match files.checked_sub(KEPT) {
        Some(left) if left >= LEAST => Ok(usize::try_from(left).unwrap_or(usize::MAX)),
        Some(_) | None => Err(format!(
            "the process may have {files} files open, and needs {} at least: raise the limit (ulimit -n)",
            KEPT + LEAST
        )),
    }
}
