//! The program as an operator runs it: a process in a folder of its own.

use crate::PATIENCE;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The program under test. Cargo names it in the environment of the tests that it runs; a test
/// binary that is run by hand finds it beside its own folder.
pub fn program() -> PathBuf {
    if let Some(named) = std::env::var_os("CARGO_BIN_EXE_cartlog") {
        return named.into();
    }
    let test = std::env::current_exe().expect("the path of this test binary");
    let profile = test.ancestors().nth(2).expect("a folder of the profile");
    profile.join("cartlog")
}

/// The program with `arguments` in `folder`, on a free port, with its log at the default path.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments);
    isolate(&mut command, folder);
    command
}

/// Makes `command` run in `folder`, with the settings of this test alone.
pub fn isolate(command: &mut Command, folder: &Path) {
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

/// The environment variable of a setting: `CARTLOG_LIMITS__LINES` for `limits.lines`.
pub fn setting(key: &str) -> String {
    format!("CARTLOG_{}", key.to_uppercase().replace('.', "__"))
}

/// A serving process. Dropping it kills it.
pub struct ServiceProcess {
    child: Child,
    pub address: SocketAddr,
    /// What it printed before it served.
    pub startup_lines: Vec<String>,
}

impl ServiceProcess {
    /// Starts the program in `folder` and waits until it serves.
    pub fn serve(folder: &Path) -> ServiceProcess {
        ServiceProcess::run(command(folder, &["serve"]))
    }

    /// Runs `command` and waits until it serves.
    pub fn run(command: Command) -> ServiceProcess {
        ServiceProcess::run_to_line(command, "the API")
    }

    /// Runs `command` and waits until it has printed a line that contains `last`.
    pub fn run_to_line(mut command: Command, last: &str) -> ServiceProcess {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let stdout = child.stdout.take().expect("its output");
        let mut startup_lines: Vec<String> = Vec::new();
        for line in BufReader::new(stdout).lines() {
            startup_lines.push(line.expect("a line of text"));
            if startup_lines.last().is_some_and(|line| line.contains(last)) {
                break;
            }
        }
        let address = startup_lines
            .iter()
            .find_map(|line| {
                line.split("http://")
                    .nth(1)?
                    .split('/')
                    .next()?
                    .parse()
                    .ok()
            })
            .unwrap_or_else(|| panic!("an address in {startup_lines:?}"));
        ServiceProcess {
            child,
            address,
            startup_lines,
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it: no handler, no destructor, no flush.
    pub fn kill(mut self) {
        self.child.kill().expect("the process is killed");
        self.child.wait().expect("the process exits");
    }

    /// Sends a signal such as `TERM` and waits until the process exits.
    pub fn exit_on_signal(self, name: &str) -> ExitStatus {
        self.send_signal(name);
        self.wait_for_exit(PATIENCE)
    }

    pub fn send_signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits until the process exits; kills it and fails after `patience`.
    pub fn wait_for_exit(mut self, patience: Duration) -> ExitStatus {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if let Some(status) = self
                .child
                .try_wait()
                .expect("the process can be waited for")
            {
                return status;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the process did not exit within {patience:?}");
    }
}

impl Drop for ServiceProcess {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program until it exits. One that serves instead is killed after [`PATIENCE`].
pub fn run_to_exit(mut command: Command) -> Output {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let id = child.id();
    let (exit, exited) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let output = child.wait_with_output().expect("its output");
        // The receiver is gone if the process was killed.
        let _ = exit.send(());
        output
    });
    if exited.recv_timeout(PATIENCE).is_err() {
        let _ = Command::new("kill")
            .args(["-KILL", &id.to_string()])
            .status();
    }
    reader.join().expect("its output")
}
