//! How to reach the servers.

use crate::files::read_first_line;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Which servers to connect to, and as who.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerSettings {
    /// The section of the configuration that has these settings, for messages.
    pub section: &'static str,
    /// `nats://host:port`, or `tls://host:port` for TLS. Without user and password.
    pub servers: Vec<String>,
    pub credentials: Credentials,
    /// The certificates (PEM) that may sign the servers'; those of the system if `None`. Requires
    /// TLS.
    pub root_certificates: Option<PathBuf>,
    /// Time limit for a connection to one server.
    pub connect_timeout: Duration,
}

/// How a node proves who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credentials {
    None,
    Password {
        user: String,
        password: Secret,
    },
    Token(Secret),
    /// A file with the seed of an nkey in its first line.
    NkeyFile(PathBuf),
    /// A file with a JWT and the seed of its user, as `nsc` writes it.
    CredentialsFile(PathBuf),
}

/// A secret, or the file that has it in its first line. Its `Debug` output does not show it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    Text(String),
    File(PathBuf),
}

impl Secret {
    /// `what` names the secret in the error, such as "password".
    pub(super) fn read(&self, what: &str) -> Result<String, String> {
        match self {
            Secret::Text(text) => Ok(text.clone()),
            Secret::File(path) => read_first_line(path, what),
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Secret::Text(_) => f.write_str("Text"),
            Secret::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}
