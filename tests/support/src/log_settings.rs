//! The settings that lead a node to its log.

use crate::nats::{self, NatsCluster};
use crate::postgres::{Cluster, Node};

/// Settings, named as in the configuration.
#[derive(Debug, Clone)]
pub struct LogSettings(pub Vec<(&'static str, String)>);

impl LogSettings {
    pub fn of_postgres(cluster: &Cluster) -> LogSettings {
        LogSettings(vec![
            ("log.engine", "postgres".to_owned()),
            ("log.postgres.url", cluster.url()),
        ])
    }

    pub fn of_jetstream(cluster: &NatsCluster) -> LogSettings {
        LogSettings(vec![
            ("log.engine", "jetstream".to_owned()),
            ("log.jetstream.servers", format!("{:?}", cluster.urls())),
            ("log.jetstream.replicas", cluster.servers.len().to_string()),
            ("log.jetstream.user", "cartlog".to_owned()),
            ("log.jetstream.password", nats::PASSWORD.to_owned()),
        ])
    }

    /// These and one more.
    pub fn with(&self, key: &'static str, value: &str) -> LogSettings {
        let mut settings = self.clone();
        settings.0.push((key, value.to_owned()));
        settings
    }

    pub fn pairs(&self) -> Vec<(&str, &str)> {
        self.0.iter().map(|(key, value)| (*key, &**value)).collect()
    }

    /// A node that serves.
    pub fn start(&self) -> Node {
        let mut node = Node::with(&self.pairs());
        node.serve();
        node
    }
}
