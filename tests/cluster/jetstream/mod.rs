//! A log that several nodes share, in a real NATS JetStream: three servers, each with a copy of the
//! stream. The tests need NATS, which `tests/all` installs.

mod access;
mod connections;
mod faults;
mod nodes;
mod partition;
mod power;
mod refusals;
mod sequencer;
mod signing;

use crate::adapter::commit;
use cartlog::log::Head;
use cartlog::log::jetstream::{Credentials, JetStreamConnector, JetStreamSettings, Secret};
use cartlog::log::shared::{SequencedOutcome, Sequencer, SequencerConnector};
use cartlog_testkit::nats::{NatsCluster, PASSWORD};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub fn settings(cluster: &NatsCluster) -> JetStreamSettings {
    JetStreamSettings {
        servers: cluster.urls(),
        stream: "cartlog".to_owned(),
        subject_prefix: "shop.carts".to_owned(),
        replicas: cluster.servers.len(),
        credentials: Credentials::Password {
            user: "cartlog".to_owned(),
            password: Secret::Text(PASSWORD.to_owned()),
        },
        root_certificates: None,
        connect_timeout: Duration::from_secs(3),
        timeout: Duration::from_secs(10),
    }
}

/// Connects to the log and creates it at first.
async fn connect(settings: JetStreamSettings) -> Arc<dyn Sequencer> {
    let connector = JetStreamConnector::new(settings);
    connector.connect().await.expect("a log")
}

/// The outcome of the first commit to `stream`.
async fn append_one(log: &dyn Sequencer, stream: Uuid) -> SequencedOutcome {
    let (next, _) = commit(stream, Head::START, 1);
    log.append(&[next]).await.remove(0)
}
