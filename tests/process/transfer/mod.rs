//! `cartlog export`, `import` and `backup`.

mod closing;
mod copies;
mod lines;
mod rewritten;

use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OpenFlags};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder with a log filled by simulated shoppers, and the service on it.
fn shopped(carts: &str) -> (TempDir, ServiceProcess) {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let url = format!("http://{}", program.address);
    let arguments = ["simulate", "--url", &url, "--carts", carts, "--seed", "9"];
    assert!(
        run_to_exit(command(folder.path(), &arguments))
            .status
            .success()
    );
    wait_for_orders(folder.path());
    (folder, program)
}

/// Waits until the order of every checkout is settled: until then the log grows.
fn wait_for_orders(folder: &Path) {
    let begun = Instant::now();
    loop {
        let log = read_intact_log(&log_path(folder));
        let count = |name: &str| log.iter().filter(|event| event.name == name).count();
        if count("CartCheckedOut") == count("OrderConfirmed") {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "open orders");
        std::thread::yield_now();
    }
}

fn export(folder: &Path) -> Vec<u8> {
    let output = run_to_exit(command(folder, &["export"]));
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// The lines of an export without the last one, which closes it.
fn events_of(export: &[u8]) -> Vec<String> {
    let lines = String::from_utf8(export.to_vec()).unwrap();
    let (events, closing_line) = lines.trim_end().rsplit_once('\n').unwrap();
    assert!(closing_line.contains("cartlog.export.completed.v1"));
    events.lines().map(str::to_owned).collect()
}

fn begin_import(folder: &Path, arguments: &[&str]) -> Child {
    command(folder, &[&["import"], arguments].concat())
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn import(folder: &Path, lines: &[u8]) -> Output {
    import_with(folder, &[], lines)
}

fn import_with(folder: &Path, arguments: &[&str], lines: &[u8]) -> Output {
    let mut child = begin_import(folder, arguments);
    // An import that fails closes the pipe early.
    let _ = child.stdin.take().unwrap().write_all(lines);
    child.wait_with_output().unwrap()
}

/// Asserts that the import of `lines` is refused with each of `parts`, and leaves no log.
#[track_caller]
fn import_refused(what: &str, lines: &[u8], parts: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let output = import(folder.path(), lines);
    let stderr = stderr_of(&output);
    assert_eq!(output.status.code(), Some(1), "{what}: {stderr}");
    for part in parts.iter().chain(&["nothing was imported"]) {
        assert!(stderr.contains(part), "{what}: {stderr}");
    }
    nothing_but(&folder.path().join("data"), &["events.db.lock"]);
}

fn stderr_of(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// All rows of `table`, sorted.
fn rows(file: &Path, table: &str) -> Vec<String> {
    let file = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let mut statement = file.prepare(&format!("SELECT * FROM {table}")).unwrap();
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| {
        let cells: Result<Vec<Cell>, _> = (0..columns).map(|column| row.get(column)).collect();
        Ok(format!("{:?}", cells?))
    });
    let mut rows: Vec<String> = rows.unwrap().collect::<Result<_, _>>().unwrap();
    rows.sort();
    rows
}

fn nothing_but(folder: &Path, expected: &[&str]) {
    assert_eq!(names(folder), expected);
}

/// The names of the files in `folder`, sorted.
fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
