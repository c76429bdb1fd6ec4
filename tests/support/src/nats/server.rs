//! One server.

use crate::{free_port, repository};
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server. Dropping it kills it.
pub struct NatsServer {
    pub name: String,
    /// Where clients connect.
    pub port: u16,
    folder: PathBuf,
    store: PathBuf,
    process: Option<Child>,
}

fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("CARTLOG_NATS_SERVER") {
        return program.into();
    }
    let program = repository().join("target/nats-venv/bin/nats-server");
    assert!(program.exists(), "the NATS server: tests/all installs it");
    program
}

impl NatsServer {
    /// A server of no cluster, with its files in `folder`, that is not started yet. `settings` must
    /// say who may connect.
    pub fn alone(folder: &Path, settings: &str) -> NatsServer {
        let store = folder.join("store");
        let server = NatsServer::new("n0", folder.to_owned(), store, free_port());
        server.configure(&format!(
            "server_name: n0\nlisten: \"127.0.0.1:{}\"\n\
             jetstream {{ store_dir: \"{}\", sync_interval: always }}\n{settings}\n",
            server.port,
            server.store.display(),
        ));
        server
    }

    /// A server that is not started yet, with the files of JetStream in `store` and all others in
    /// `folder`.
    pub(super) fn new(name: &str, folder: PathBuf, store: PathBuf, port: u16) -> NatsServer {
        NatsServer {
            name: name.to_owned(),
            port,
            folder,
            store,
            process: None,
        }
    }

    /// Writes the settings for the next start.
    pub(super) fn configure(&self, settings: &str) {
        std::fs::create_dir_all(&self.folder).expect("a folder");
        std::fs::write(self.folder.join("server.conf"), settings).expect("settings");
    }

    /// The folder of its JetStream files.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// The id of its process.
    pub fn id(&self) -> u32 {
        self.process.as_ref().expect("a process").id()
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Starts it, without waiting until it serves.
    pub fn start(&mut self) {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("server.log"))
            .expect("a log file");
        let child = Command::new(program())
            .arg("--config")
            .arg(self.folder.join("server.conf"))
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server runs");
        self.process = Some(child);
    }

    /// The end of its log, for a message.
    pub fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Kills it without a word (`SIGKILL`).
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the server can be killed");
            process.wait().expect("the server ends");
        }
    }

    /// Stops it as an operator does, who first moves its leaders to other servers.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal(&process, "TERM");
            process.wait().expect("the server ends");
        }
    }

    /// Freezes it, as a machine that hangs.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    pub fn thaw(&self) {
        self.signal("CONT");
    }

    fn signal(&self, name: &str) {
        if let Some(process) = &self.process {
            signal(process, name);
        }
    }

    /// The files that have the messages of its streams, without those of its Raft log.
    pub fn message_files(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.store.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if is_block(&path) && !path.to_string_lossy().contains("_js_") {
                    found.push(path);
                }
            }
        }
        found
    }
}

fn is_block(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "blk")
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    // It may have ended already.
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &id])
        .status();
}
