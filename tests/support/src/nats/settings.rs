//! The settings of what connects to the servers as the user `cartlog`.

use super::PASSWORD;
use cartlog::log::jetstream::JetStreamSettings;
use cartlog::mirror::MirrorSettings;
use cartlog::nats::{Credentials, Secret, ServerSettings};
use std::time::Duration;

/// The servers at `urls`, as the settings in `section`.
pub fn server_settings(section: &'static str, urls: Vec<String>) -> ServerSettings {
    ServerSettings {
        section,
        servers: urls,
        credentials: Credentials::Password {
            user: "cartlog".to_owned(),
            password: Secret::Text(PASSWORD.to_owned()),
        },
        root_certificates: None,
        connect_timeout: Duration::from_secs(3),
    }
}

/// A log in `stream`, whose subjects begin with its name, on the servers at `urls`.
pub fn log_settings(urls: Vec<String>, stream: &str, replicas: usize) -> JetStreamSettings {
    JetStreamSettings {
        servers: server_settings("log.jetstream", urls),
        stream: stream.to_owned(),
        subject_prefix: stream.to_owned(),
        replicas,
        timeout: Duration::from_secs(10),
    }
}

/// A mirror in the stream `cartlog_events` on the servers at `urls`.
pub fn mirror_settings(urls: Vec<String>) -> MirrorSettings {
    MirrorSettings {
        servers: server_settings("nats", urls),
        stream: "cartlog_events".to_owned(),
        subject: "cartlog.events".to_owned(),
        replicas: 1,
    }
}
