//! A log that nodes share, over NATS JetStream. One server: `tests/cluster` has three.

use crate::contract::{Engine, Opened, dense, every_promise};
use crate::shared::filled;
use cartlog::log::LogWriter;
use cartlog::log::jetstream::JetStreamConnector;
use cartlog::log::shared::{SequencerConnector, SharedLog, SharedLogSettings};
use cartlog_testkit::nats::{NatsCluster, log_settings};
use std::sync::Arc;
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
        let connector = JetStreamConnector::new(log_settings(self.cluster.urls(), self.stream, 1));
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
