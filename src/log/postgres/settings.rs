//! The settings of a log in PostgreSQL.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where the log is, and how long to wait for it.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresSettings {
    /// `postgres://user@host:port/database`; several hosts are separated by commas. May contain the
    /// password.
    pub url: String,
    /// A file with the password, in place of one in the URL.
    pub password_file: Option<PathBuf>,
    /// An address of the server itself, if `url` is that of a pooler: a pooler in transaction mode
    /// does not forward notifications.
    pub listen_url: Option<String>,
    /// The schema that the log's tables are in.
    pub schema: String,
    /// The certificates (PEM) that may sign the server's; those of the system if `None`.
    pub root_certificates: Option<PathBuf>,
    /// Time limit for a connection, from the first packet to the first answer.
    pub connect_timeout: Duration,
    /// Time limit for an answer. Longer than `append` waits for its lock.
    pub timeout: Duration,
}

/// Without the URLs, which may contain a password.
impl fmt::Debug for PostgresSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresSettings")
            .field("schema", &self.schema)
            .field("root_certificates", &self.root_certificates)
            .field("connect_timeout", &self.connect_timeout)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
