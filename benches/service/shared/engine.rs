//! The engines under the nodes: three servers each, which sync to disk.

use super::{a_second, commit};
use crate::ROUND;
use async_nats::HeaderMap;
use cartlog::log::jetstream::JetStreamConnector;
use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{SequencedOutcome, SequencerConnector};
use cartlog_testkit::log_settings::LogSettings;
use cartlog_testkit::nats::{NatsCluster, log_settings};
use cartlog_testkit::postgres::{Cluster, Replication};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TIMEOUT: Duration = Duration::from_secs(10);
/// The log that is measured without HTTP, and what a bare publisher fills.
const WITHOUT_HTTP: &str = "without_http";
const BARE: &str = "bare";

pub enum Engine {
    /// A primary, and two standbys of which a commit waits for one.
    Postgres(Box<Cluster>),
    /// With `sync_interval: always`.
    JetStream(Box<NatsCluster>),
}

impl Engine {
    pub async fn postgres() -> Engine {
        let cluster = Cluster::start_with(Replication::Quorum, &["fsync = on"]).await;
        Engine::Postgres(Box::new(cluster))
    }

    pub async fn jetstream() -> Engine {
        Engine::JetStream(Box::new(NatsCluster::start(3).await))
    }

    pub fn name(&self) -> &'static str {
        match self {
            Engine::Postgres(_) => "PostgreSQL",
            Engine::JetStream(_) => "JetStream",
        }
    }

    /// What leads a node to the log.
    pub fn settings(&self) -> LogSettings {
        match self {
            Engine::Postgres(cluster) => LogSettings::of_postgres(cluster),
            Engine::JetStream(cluster) => LogSettings::of_jetstream(cluster),
        }
    }

    /// A log beside that of the nodes.
    pub fn connector(&self) -> Arc<dyn SequencerConnector> {
        match self {
            Engine::Postgres(cluster) => Arc::new(PostgresConnector::new(PostgresSettings {
                url: cluster.url(),
                password_file: None,
                listen_url: None,
                schema: WITHOUT_HTTP.to_owned(),
                root_certificates: None,
                connect_timeout: CONNECT_TIMEOUT,
                timeout: TIMEOUT,
            })),
            Engine::JetStream(cluster) => Arc::new(JetStreamConnector::new(log_settings(
                cluster.urls(),
                WITHOUT_HTTP,
                3,
            ))),
        }
    }

    /// Commits a second of a client that only writes: to PostgreSQL in calls of `append` with
    /// groups of `size`, one after the other; to JetStream as messages that expect to be the first
    /// of their subject, `size` of them at a time.
    pub async fn bare(&self, size: u64) -> u64 {
        match self {
            Engine::Postgres(_) => self.bare_client(size).await,
            Engine::JetStream(cluster) => bare_publisher(cluster, size).await,
        }
    }

    async fn bare_client(&self, size: u64) -> u64 {
        let log = self.connector().connect().await.expect("a log");
        let accepted =
            |outcome: &&SequencedOutcome| matches!(outcome, SequencedOutcome::Accepted { .. });
        let started = Instant::now();
        let mut commits = 0;
        while started.elapsed() < ROUND {
            let group: Vec<_> = (0..size).map(|_| commit()).collect();
            commits += log.append(&group).await.iter().filter(accepted).count();
        }
        a_second(commits as u64, started)
    }

    /// Restarts the primary at once, or kills the leader of the stream; and what that is called.
    pub async fn fail(&mut self) -> &'static str {
        match self {
            Engine::Postgres(cluster) => {
                cluster.primary_mut().crash();
                "restart of the primary"
            }
            Engine::JetStream(cluster) => {
                let leader = cluster.leader("cartlog").await;
                cluster.servers[leader].kill();
                "kill -9 of the leader"
            }
        }
    }
}

async fn bare_publisher(cluster: &NatsCluster, size: u64) -> u64 {
    let config = json!({
        "name": BARE, "subjects": [format!("{BARE}.*")], "storage": "file", "num_replicas": 3,
        "deny_delete": true, "deny_purge": true, "allow_direct": true,
    });
    // The same answer again if it is there.
    let created = cluster.api(&format!("STREAM.CREATE.{BARE}"), &config).await;
    assert!(created["error"].is_null(), "{created}");
    let client = cluster.client(None).await;
    let started = Instant::now();
    let publishers = (0..size).map(|_| async {
        let mut commits = 0;
        while started.elapsed() < ROUND {
            let commit = commit();
            let event = &commit.events()[0];
            // As long as a message of the log.
            let payload = format!(
                concat!(
                    r#"{{"previous_hash":"{}","metadata":{},"#,
                    r#""events":[{{"hash":"{}","data":{}}}]}}"#
                ),
                event.hash, event.metadata, event.hash, event.data,
            );
            let subject = format!("{BARE}.{}", Uuid::now_v7());
            let mut headers = HeaderMap::new();
            headers.insert("Nats-Expected-Last-Subject-Sequence", "0");
            let answer = client.request_with_headers(subject, headers, payload.into());
            let answer: Option<Value> = match answer.await {
                Ok(answer) => serde_json::from_slice(&answer.payload).ok(),
                Err(_) => None,
            };
            commits += u64::from(answer.is_some_and(|answer| answer["seq"].is_u64()));
        }
        commits
    });
    let commits = join_all(publishers).await.into_iter().sum();
    a_second(commits, started)
}
