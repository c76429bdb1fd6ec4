//! A log that nodes share, over PostgreSQL: a primary with two standbys and quorum commit.

use crate::contract::{Engine, Opened, dense, every_promise};
use crate::shared::filled;
use cartlog::log::LogWriter;
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{SequencerConnector, SharedLog, SharedLogSettings};
use cartlog_testkit::postgres::{Cluster, Replication};
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// One node of a log in a schema of its own.
struct Postgres {
    cluster: Arc<Cluster>,
    schema: &'static str,
    folder: TempDir,
}

async fn postgres() -> Postgres {
    Postgres {
        cluster: Arc::new(Cluster::start(Replication::Quorum).await),
        schema: "cartlog",
        folder: tempfile::tempdir().expect("a folder"),
    }
}

impl Engine for Postgres {
    fn open(&self) -> Result<Opened, String> {
        let connector = PostgresConnector::new(PostgresSettings {
            url: self.cluster.url(),
            password_file: None,
            listen_url: None,
            schema: self.schema.to_owned(),
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
        Box::new(Postgres {
            cluster: self.cluster.clone(),
            schema: "elsewhere",
            folder: tempfile::tempdir().expect("a folder"),
        })
    }
}

every_promise!(ignored "needs PostgreSQL", postgres().await);
dense!(ignored "needs PostgreSQL", postgres().await);
