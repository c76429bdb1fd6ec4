//! The program, run in a folder of its own.

use rusqlite::{Connection, OpenFlags};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// After this long a test has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The program with `arguments` in `folder`, on a port that is free, its log at the usual place.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cartlog"));
    command.args(arguments);
    prepare(&mut command, folder);
    command
}

/// Lets `command` run the program in `folder` with nothing but this test's settings.
pub fn prepare(command: &mut Command, folder: &Path) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("CARTLOG_") {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .env("CARTLOG_SERVER__BIND", "127.0.0.1:0")
        .env("CARTLOG_SERVER__WORKERS", "2")
        .env("CARTLOG_LOGGING__LEVEL", "error");
}

/// A program that serves, until it is dropped.
pub struct Program {
    child: Child,
    pub address: SocketAddr,
    /// What it printed before it served.
    pub printed: Vec<String>,
}

impl Program {
    /// Starts the program in `folder` and waits until it serves.
    pub fn serve(folder: &Path) -> Program {
        Program::run(command(folder, &["serve"]))
    }

    /// Runs `command` and waits until it serves.
    pub fn run(mut command: Command) -> Program {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = child.stdout.take().expect("its output");
        let mut printed = Vec::new();
        for line in BufReader::new(stdout).lines() {
            printed.push(line.expect("a line of text"));
            if printed.last().is_some_and(|line| line.contains("the API")) {
                break;
            }
        }
        let address = printed
            .iter()
            .find_map(|line| {
                line.split("http://")
                    .nth(1)?
                    .split('/')
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or_else(|| panic!("an address in {printed:?}"));
        Program {
            child,
            address,
            printed,
        }
    }

    /// The process's id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as nothing else does: no handler, no destructor, no flush.
    pub fn kill(mut self) {
        self.child.kill().expect("a kill");
        self.child.wait().expect("its end");
    }

    /// Sends a signal, such as `TERM`, and waits for the end.
    pub fn signal(self, name: &str) -> ExitStatus {
        self.tell(name);
        self.ended(PATIENCE)
    }

    /// Sends a signal.
    pub fn tell(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for the end.
    pub fn ended(mut self, patience: Duration) -> ExitStatus {
        // Taken out of the guard: whoever waits for it has it.
        let mut child = std::mem::replace(
            &mut self.child,
            Command::new("true").spawn().expect("true runs"),
        );
        let (tell, told) = mpsc::channel();
        let id = child.id();
        std::thread::spawn(move || tell.send(child.wait()));
        match told.recv_timeout(patience) {
            Ok(status) => status.expect("its end"),
            Err(_) => {
                let _ = Command::new("kill")
                    .args(["-KILL", &id.to_string()])
                    .status();
                panic!("it did not end within {patience:?}");
            }
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end, which has to come by itself: one that serves instead is killed.
pub fn run(mut command: Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let id = child.id();
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let output = child.wait_with_output().expect("its output");
        // Nobody listens where it was killed.
        let _ = tell.send(());
        output
    });
    if told.recv_timeout(PATIENCE).is_err() {
        let _ = Command::new("kill")
            .args(["-KILL", &id.to_string()])
            .status();
    }
    reader.join().expect("its output")
}

/// An event as it stands in the log's file.
#[derive(Debug, Clone)]
pub struct Stored {
    pub stream: String,
    pub version: u64,
    pub name: String,
    pub recorded_at: String,
    pub command_id: String,
    /// The digest of the idempotency key, in hexadecimal.
    pub key: Option<String>,
}

/// Reads the log at `path`, which must be whole.
pub fn whole_log(path: &Path) -> Vec<Stored> {
    read_log(path).unwrap_or_else(|finding| panic!("{}: {finding}", path.display()))
}

/// Reads the log at `path` without the program's own code, and checks on the way that it is whole:
/// no gap in positions or versions, and every hash follows from the one before it. What is wrong
/// with it otherwise.
pub fn read_log(path: &Path) -> Result<Vec<Stored>, String> {
    let unreadable = |error: rusqlite::Error| format!("it cannot be read: {error}");
    let file =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(unreadable)?;
    let checked: String = file
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .map_err(unreadable)?;
    if checked != "ok" {
        return Err(checked);
    }
    chained_events(&file)
}

/// The events in `file`, in the order of their positions, if they form whole chains.
pub fn chained_events(file: &Connection) -> Result<Vec<Stored>, String> {
    let unreadable = |error: rusqlite::Error| format!("it cannot be read: {error}");
    let mut rows = file
        .prepare("SELECT position, stream, version, type, schema, recorded_at, data, metadata, hash FROM events ORDER BY position")
        .map_err(unreadable)?;
    let mut rows = rows.query([]).map_err(unreadable)?;
    let mut heads: HashMap<String, (u64, String)> = HashMap::new();
    let mut events = Vec::new();
    while let Some(row) = rows.next().map_err(unreadable)? {
        let text = |column: usize| row.get::<_, String>(column).map_err(unreadable);
        let number = |column: usize| row.get::<_, u64>(column).map_err(unreadable);
        let position = number(0)?;
        if position != events.len() as u64 + 1 {
            return Err(format!("a gap in the positions before {position}"));
        }
        let (stream, version) = (text(1)?, number(2)?);
        let (last, hash) = heads
            .entry(stream.clone())
            .or_insert_with(|| (0, "0".repeat(64)));
        if version != *last + 1 {
            return Err(format!("a gap before version {version} of {stream}"));
        }
        let lines = [
            hash.clone(),
            stream.clone(),
            version.to_string(),
            text(3)?,
            number(4)?.to_string(),
            text(5)?,
            text(6)?,
            text(7)?,
        ];
        *hash = hex::encode(Sha256::digest(lines.join("\n")));
        *last = version;
        if text(8)? != *hash {
            return Err(format!("version {version} of {stream} breaks the chain"));
        }
        let metadata: serde_json::Value =
            serde_json::from_str(&text(7)?).map_err(|error| error.to_string())?;
        events.push(Stored {
            stream,
            version,
            recorded_at: text(5)?,
            name: text(3)?,
            command_id: metadata["command_id"]
                .as_str()
                .ok_or("an event without a command")?
                .to_owned(),
            key: metadata["key"].as_str().map(str::to_owned),
        });
    }
    Ok(events)
}

/// Where the log is by default.
pub fn log_in(folder: &Path) -> PathBuf {
    folder.join("data/events.db")
}
