//! `cartlog export`, `import` and `backup`.

mod copies;
mod lines;

use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use rusqlite::types::Value as Cell;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::process::Output;
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
    (folder, program)
}

fn export(folder: &Path) -> Vec<u8> {
    let output = run_to_exit(command(folder, &["export"]));
    assert!(output.status.success(), "{output:?}");
    output.stdout
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
