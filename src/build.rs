//! Which build this is.

use std::sync::LazyLock;

/// The version of this release.
pub const RELEASE: &str = env!("CARGO_PKG_VERSION");

/// The commit that was built, if the build set it: `CARTLOG_COMMIT=$(git rev-parse HEAD)`.
pub const COMMIT: &str = match option_env!("CARTLOG_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};

/// Release and commit, as `cartlog --version` prints them.
pub static VERSION: LazyLock<String> = LazyLock::new(|| format!("{RELEASE} (commit {COMMIT})"));
