//! One server.

use super::{PASSWORD, programs};
use crate::{PATIENCE, free_port};
use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// How many lines of the server's log are kept for a message.
const LINES: usize = 40;

/// A server. Dropping it stops it.
pub struct Server {
    /// The name by which a primary knows its standby.
    pub name: String,
    pub port: u16,
    data: PathBuf,
    process: Option<Child>,
    lines: Arc<Mutex<VecDeque<String>>>,
}

impl Server {
    /// A server on a free port, that is not started yet, with its data in `data`.
    pub fn new(name: &str, data: PathBuf) -> Server {
        Server {
            name: name.to_owned(),
            port: free_port(),
            data,
            process: None,
            lines: Arc::default(),
        }
    }

    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Appends a line to the settings, for the next start.
    pub fn set(&self, setting: &str) {
        let file = OpenOptions::new()
            .append(true)
            .open(self.data.join("postgresql.conf"));
        writeln!(file.expect("the settings"), "{setting}").expect("a line is written");
    }

    /// Makes it a standby of the server at `port` from its next start on.
    pub fn follow(&self, port: u16) {
        let name = &self.name;
        self.set(&format!(
            "primary_conninfo = 'host=127.0.0.1 port={port} user=postgres password={PASSWORD} \
             application_name={name}'"
        ));
        let signal = self.data.join("standby.signal");
        std::fs::write(&signal, "").expect("the mark of a standby");
        programs::hand_over(&signal);
    }

    /// Starts it and waits until it accepts connections.
    pub fn start(&mut self) {
        let mut child = programs::program("postgres")
            .arg(format!("-D{}", self.data.display()))
            .arg(format!("-p{}", self.port))
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server runs");
        let log = child.stderr.take().expect("its log");
        let (tell, ready) = channel();
        let lines = self.lines.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(log).lines().map_while(Result::ok) {
                if line.contains("ready to accept") {
                    // The receiver is gone after the start.
                    let _ = tell.send(());
                }
                let mut lines = lines.lock().expect("the lines of a log");
                if lines.len() == LINES {
                    lines.pop_front();
                }
                lines.push_back(line);
            }
        });
        self.process = Some(child);
        self.await_ready(&ready);
    }

    fn await_ready(&self, ready: &Receiver<()>) {
        if ready.recv_timeout(PATIENCE).is_err() {
            let lines = self.lines.lock().expect("the lines of a log");
            panic!("the server {} does not start: {lines:#?}", self.name);
        }
    }

    /// Stops it as an operator in a hurry does: no checkpoint, no goodbye to clients or standbys.
    pub fn stop_immediately(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal(&process, "QUIT");
            process.wait().expect("the server ends");
        }
    }

    /// Stops it with a checkpoint; its data can be copied then.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            signal(&process, "INT");
            process.wait().expect("the server ends");
        }
    }

    /// Stops it immediately and starts it again.
    pub fn crash(&mut self) {
        self.stop_immediately();
        self.start();
    }

    /// Freezes all of its processes, as a machine that hangs.
    pub fn freeze(&self) {
        self.signal_all("STOP");
    }

    pub fn thaw(&self) {
        self.signal_all("CONT");
    }

    /// The postmaster first, so that it starts no child after its children were listed.
    fn signal_all(&self, name: &str) {
        let Some(process) = &self.process else { return };
        let parent = process.id().to_string();
        let send = |processes: &[&str]| {
            let kill = Command::new("kill")
                .arg(format!("-{name}"))
                .args(processes)
                .status();
            kill.expect("kill runs").success()
        };
        assert!(send(&[&parent]), "{name} to the postmaster");
        let children = Command::new("pgrep").args(["-P", &parent]).output();
        let children = children.expect("pgrep runs").stdout;
        let children = String::from_utf8(children).expect("process ids");
        let children: Vec<_> = children.lines().collect();
        // A child may have ended meanwhile.
        send(&children);
    }

    pub fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub fn url(&self, role: &str, database: &str) -> String {
        format!(
            "postgres://{role}:{PASSWORD}@127.0.0.1:{}/{database}?sslmode=disable",
            self.port
        )
    }

    /// A connection as the superuser.
    pub async fn connect(&self, database: &str) -> Client {
        let url = self.url("postgres", database);
        let (client, connection) = tokio_postgres::connect(&url, NoTls)
            .await
            .expect("a connection");
        tokio::spawn(connection);
        client
    }

    /// Runs statements as the superuser and returns the first column of their rows.
    pub async fn sql(&self, database: &str, statements: &str) -> Vec<String> {
        let client = self.connect(database).await;
        let results = client.simple_query(statements).await;
        let results = results.unwrap_or_else(|error| panic!("{statements}: {error:?}"));
        let rows = results.into_iter().filter_map(|result| match result {
            SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or_default().to_owned()),
            _ => None,
        });
        rows.collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.thaw();
        self.stop_immediately();
    }
}

fn signal(process: &Child, name: &str) {
    let id = process.id().to_string();
    // It may have ended already.
    let _ = Command::new("kill")
        .args([&format!("-{name}"), &id])
        .status();
}
