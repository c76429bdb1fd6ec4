//! What a subcommand says where nobody listens any more, as behind `| head -1`.

use crate::definitions::fill;
use cartlog::timestamp::Timestamp;
use cartlog_testkit::process::{command, run_to_exit};
use std::process::Stdio;

/// A pipe that nobody reads.
fn nobody() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

#[tokio::test]
async fn work_is_done_to_its_end_though_nobody_hears_of_it() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 100, Timestamp::now()).await;
    for arguments in [
        &["export", "--output", "lines.json"][..],
        &["backup", "copy.db"],
        &["rebuild"],
        &["verify"],
    ] {
        let mut command = command(folder.path(), arguments);
        let output = command.stderr(nobody()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        match arguments[0] {
            "rebuild" => assert!(
                said.contains("rebuilt all views from 1,200 events"),
                "{said}"
            ),
            "verify" => assert!(said.ends_with("no problems found\n"), "{said}"),
            _ => {
                let file = folder.path().join(arguments.last().unwrap());
                assert!(file.exists(), "{arguments:?}");
            }
        }
    }
    let lines = std::fs::File::open(folder.path().join("lines.json")).unwrap();
    let empty = tempfile::tempdir().unwrap();
    let mut import = command(empty.path(), &["import"]);
    let imported = import.stdin(lines).stderr(nobody()).status().unwrap();
    assert_eq!(imported.code(), Some(0));
    let verified = run_to_exit(command(empty.path(), &["verify"]));
    let said = String::from_utf8(verified.stdout).unwrap();
    assert!(said.starts_with("checked 1,200 events"), "{said}");
}

#[tokio::test]
async fn what_was_asked_for_and_cannot_be_written_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 100, Timestamp::now()).await;
    for (subcommand, ends_with) in [("export", 1), ("rebuild", 1), ("verify", 2)] {
        let mut command = command(folder.path(), &[subcommand]);
        let output = command.stdout(nobody()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            output.status.code(),
            Some(ends_with),
            "{subcommand}: {said}"
        );
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("cartlog: "), "{subcommand}: {said}");
        assert!(last.contains("cannot be written: Broken pipe"), "{said}");
    }
}
