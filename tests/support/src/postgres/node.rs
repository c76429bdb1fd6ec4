//! A node of a log in PostgreSQL: the program, with files of its own.

use super::Cluster;
use crate::api::ApiClient;
use crate::log_file::{StoredLog, read_intact_log};
use crate::process::{ServiceProcess, command, setting};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The secret of all nodes, as a file beside the replica.
pub const SECRET: [u8; 32] = [0x5e; 32];

/// A node whose files outlive its process. Dropping it kills the process and removes the files.
pub struct Node {
    /// Ended before the folder is removed.
    process: Option<ServiceProcess>,
    folder: TempDir,
    settings: Vec<(String, String)>,
}

impl Node {
    /// A node of the cluster's log that serves.
    pub fn start(cluster: &Cluster) -> Node {
        Node::start_at(&cluster.url(), &[])
    }

    /// A node of the log at `url` that serves, with further settings such as `("log.queue", "64")`.
    pub fn start_at(url: &str, settings: &[(&str, &str)]) -> Node {
        let mut node = Node::at(url, settings);
        node.serve();
        node
    }

    /// A node of the log at `url` that is not started.
    pub fn at(url: &str, settings: &[(&str, &str)]) -> Node {
        let engine = [("log.engine", "postgres"), ("log.postgres.url", url)];
        Node::with(&[&engine, settings].concat())
    }

    /// A node with these settings, which lead it to a log of any engine, that is not started.
    pub fn with(settings: &[(&str, &str)]) -> Node {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data");
        std::fs::create_dir(&data).expect("a folder");
        std::fs::write(data.join("secret"), SECRET).expect("a secret");
        Node {
            process: None,
            folder,
            settings: settings
                .iter()
                .map(|(key, value)| (setting(key), (*value).to_owned()))
                .collect(),
        }
    }

    /// Starts its process and waits until it serves, when its replica is filled.
    pub fn serve(&mut self) {
        self.process = Some(ServiceProcess::run(self.command(&["serve"])));
    }

    /// The program with its settings, such as `cartlog verify` on this node.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut program = command(self.folder.path(), arguments);
        for (key, value) in &self.settings {
            program.env(key, value);
        }
        program
    }

    pub fn process(&self) -> &ServiceProcess {
        self.process.as_ref().expect("a process")
    }

    pub fn address(&self) -> SocketAddr {
        self.process().address
    }

    pub fn api(&self) -> ApiClient {
        ApiClient::at(self.address())
    }

    /// Kills it without a word.
    pub fn kill(&mut self) {
        self.process.take().expect("a process").kill();
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn replica(&self) -> PathBuf {
        self.folder.path().join("data/replica.db")
    }

    /// Ends its process as an operator does.
    pub fn shut_down(&mut self) {
        let process = self.process.take().expect("a process");
        assert_eq!(process.exit_on_signal("TERM").code(), Some(0));
    }

    /// Ends it and returns every event of its replica, whose chains are intact.
    pub fn stop(mut self) -> StoredLog {
        self.shut_down();
        read_intact_log(&self.replica())
    }
}
