//! A log that nodes share, over NATS JetStream. One server: `tests/cluster` has three.

use crate::contract::{Engine, Opened, dense, every_promise};
use crate::shared::filled;
use cartlog::log::LogWriter;
use cartlog::log::jetstream::{Credentials, JetStreamConnector, JetStreamSettings, Secret};
use cartlog::log::shared::{SequencerConnector, SharedLog, SharedLogSettings};
use cartlog_testkit::nats::{NatsCluster, PASSWORD};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// One node of a log in a stream of its own.
struct JetStream {
    cluster: Arc<NatsCluster>,
    stream: &'static str,
    folder: TempDir,
}

async fn jetstream() -> JetStream {
    JetStream {
        cluster: Arc::new(NatsCluster::start(1).await),
        stream: "cartlog",
        folder: tempfile::tempdir().expect("a folder"),
    }
}

impl Engine for JetStream {
    fn open(&self) -> Result<Opened, String> {
        let connector = JetStreamConnector::new(JetStreamSettings {
            servers: self.cluster.urls(),
            stream: self.stream.to_owned(),
            subject_prefix: self.stream.to_owned(),
            replicas: 1,
            credentials: Credentials::Password {
                user: "cartlog".to_owned(),
                password: Secret::Text(PASSWORD.to_owned()),
            },
            root_certificates: None,
            connect_timeout: Duration::from_secs(3),
            timeout: Duration::from_secs(10),
        });
        let settings = SharedLogSettings::at(self.folder.path().join("replica.db"));
        let connector: Arc<dyn SequencerConnector> = Arc::new(connector);
        let opened = SharedLog::open(&connector, &settings);
        let (log, ended) = filled(opened.map_err(|error| error.to_string())?)?;
        Ok(Opened {
            close: Box::new({
                let log = log.clone();
                move || log.close()
            }),
            log,
            ended,
        })
    }

    fn elsewhere(&self) -> Box<dyn Engine> {
        Box::new(JetStream {
            cluster: self.cluster.clone(),
            stream: "elsewhere",
            folder: tempfile::tempdir().expect("a folder"),
        })
    }
}

every_promise!(ignored "needs a NATS server", jetstream().await);
dense!(ignored "needs a NATS server", jetstream().await);
