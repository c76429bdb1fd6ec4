//! The progress bar on a terminal.

use crate::definitions::{MANY, fill};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::process::{isolate, run_to_exit};
use std::process::Command;

/// Contract (tools): `rebuild` shows events and per cent as a bar that no log line breaks.
#[tokio::test]
async fn rebuild_progress_bar_survives_log_lines() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), MANY, Timestamp::now()).await;
    // `script` runs the program in a pseudo-terminal and copies its output.
    let mut command = Command::new("script");
    let program = format!("'{}' rebuild", env!("CARGO_BIN_EXE_cartlog"));
    command.args(["-qec", &program, "/dev/null"]);
    isolate(&mut command, folder.path());
    command.env("CARTLOG_LOGGING__LEVEL", "info");
    let output = run_to_exit(command);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{shown}");
    let pieces: Vec<&str> = shown.split(['\r', '\n']).collect();
    let is_bar = |piece: &&&str| piece.contains(" of 240,000 events, ") && piece.contains(" %, ");
    assert!(pieces.iter().filter(is_bar).count() > 1, "{shown}");
    let mut lines = pieces.iter().filter(|piece| piece.contains("INFO"));
    assert!(lines.clone().count() > 0, "{shown}");
    assert!(lines.all(|line| !line.contains(" left")), "{shown}");
    assert!(
        shown.contains("rebuilt all views from 240,000 events"),
        "{shown}"
    );
}
