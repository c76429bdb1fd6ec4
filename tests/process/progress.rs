//! The bar that whoever watches a terminal sees.

use crate::definitions::{MANY, fill};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::process::{isolate, run_to_exit};
use std::process::Command;

#[tokio::test]
async fn a_rebuild_shows_events_and_per_cent_and_its_log_lines_do_not_break_the_bar() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), MANY, Timestamp::now()).await;
    // Gives the program a terminal, and copies what it shows.
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
