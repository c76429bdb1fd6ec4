//! Subcommands whose standard output or error is a closed pipe, as with `| head -1`.

use crate::definitions::fill;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::process::{command, run_to_exit};
use std::process::Stdio;

/// A pipe without a reader.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[tokio::test]
async fn closed_stderr_does_not_abort_subcommands() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 100, Timestamp::now()).await;
    for arguments in [
        &["export", "--output", "lines.json"][..],
        &["backup", "copy.db"],
        &["rebuild"],
        &["verify"],
    ] {
        let mut command = command(folder.path(), arguments);
        let output = command.stderr(closed_pipe()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        match arguments[0] {
            "rebuild" => assert!(
                text.contains("rebuilt all views from 1,200 events"),
                "{text}"
            ),
            "verify" => assert!(text.ends_with("no problems found\n"), "{text}"),
            _ => {
                let file = folder.path().join(arguments.last().unwrap());
                assert!(file.exists(), "{arguments:?}");
            }
        }
    }
    let lines = std::fs::File::open(folder.path().join("lines.json")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut import = command(empty.path(), &["import"]);
    let imported = import.stdin(lines).stderr(closed_pipe()).status().unwrap();
    assert_eq!(imported.code(), Some(0));
    let verified = run_to_exit(command(empty.path(), &["verify"]));
    let text = String::from_utf8(verified.stdout).unwrap();
    assert!(text.starts_with("checked 1,200 events"), "{text}");
}

#[tokio::test]
async fn closed_stdout_fails_subcommands() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 100, Timestamp::now()).await;
    for (subcommand, ends_with) in [("export", 1), ("rebuild", 1), ("verify", 2)] {
        let mut command = command(folder.path(), &[subcommand]);
        let output = command.stdout(closed_pipe()).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(ends_with),
            "{subcommand}: {text}"
        );
        let last = text.lines().last().unwrap_or_default();
        assert!(last.starts_with("cartlog: "), "{subcommand}: {text}");
        assert!(last.contains("cannot be written: Broken pipe"), "{text}");
    }
}
