//! Backups and exports beside a running service, and killed halfway.

use super::{export, names, nothing_but, rows, shopped, stderr_of};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use indicatif::HumanCount;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

/// Contract (tools): `backup` copies a serving log as of one moment.
#[test]
fn backup_under_load_is_a_consistent_prefix() {
    let (folder, program) = shopped("60");
    let url = format!("http://{}", program.address);
    let mut shopping = command(
        folder.path(),
        &[
            "simulate", "--url", &url, "--carts", "100000", "--seed", "2",
        ],
    )
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .unwrap();
    let before = read_intact_log(&log_path(folder.path())).len();
    for number in 0..3 {
        let target = format!("backup-{number}.db");
        let output = run_to_exit(command(folder.path(), &["backup", &target]));
        assert!(output.status.success(), "{output:?}");
        let copied = read_intact_log(&folder.path().join(&target)).len();
        assert!(copied >= before, "everything from before is in the copy");
        assert!(
            stderr_of(&output).contains(&format!("backed up {} events", HumanCount(copied as u64))),
            "{}",
            stderr_of(&output)
        );
        let all = rows(
            &log_path(folder.path()),
            "(SELECT * FROM events ORDER BY position)",
        );
        let prefix = rows(&folder.path().join(&target), "events");
        assert!(prefix.iter().all(|event| all.binary_search(event).is_ok()));
    }
    shopping.kill().unwrap();
    shopping.wait().unwrap();
    program.kill();

    let target = folder.path().join("backup-0.db");
    let events = read_intact_log(&target).len();
    let mut from_backup = command(folder.path(), &["serve"]);
    from_backup
        .env("CARTLOG_LOG__PATH", &target)
        .env("CARTLOG_VIEWS__PATH", folder.path().join("other-views.db"));
    let program = ServiceProcess::run(from_backup);
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    assert_eq!(read_intact_log(&target).len(), events);
}

#[test]
fn backup_never_overwrites_a_file() {
    let (folder, _program) = shopped("3");
    std::fs::write(folder.path().join("taken.db"), "mine").unwrap();
    for (target, part) in [
        ("taken.db", "exists already"),
        ("nowhere/backup.db", "nowhere/backup.db"),
        ("data/events.db", "a file of the log"),
    ] {
        let output = run_to_exit(command(folder.path(), &["backup", target]));
        assert_eq!(output.status.code(), Some(1), "{target}");
        assert!(stderr_of(&output).contains(part), "{}", stderr_of(&output));
    }
    assert_eq!(
        std::fs::read(folder.path().join("taken.db")).unwrap(),
        b"mine"
    );
    let nothing = tempfile::tempdir().unwrap();
    for arguments in [&["backup", "b.db"][..], &["export"]] {
        let output = run_to_exit(command(nothing.path(), arguments));
        assert_eq!(output.status.code(), Some(1));
        assert!(
            stderr_of(&output).contains("data/events.db"),
            "{}",
            stderr_of(&output)
        );
        nothing_but(nothing.path(), &[]);
    }
}

/// Contract (tools): What killed backups and exports leave behind is cleaned up by the next one;
/// files in use are kept.
#[test]
fn killed_copy_leaves_only_partial_files_that_are_cleaned_up() {
    let (folder, _program) = shopped("300");
    let events = read_intact_log(&log_path(folder.path())).len();
    let lines = export(folder.path());
    let whole = |file: &Path| match file.extension() {
        Some(extension) if extension == "db" => assert_eq!(read_intact_log(file).len(), events),
        _ => assert!(std::fs::read(file).unwrap() == lines, "the same export"),
    };
    for arguments in [
        &["backup", "copies/backup.db"][..],
        &["export", "--output", "copies/export.ndjson"],
    ] {
        let copies = folder.path().join("copies");
        std::fs::create_dir(&copies).unwrap();
        let target = folder.path().join(arguments.last().unwrap());
        let mut killed = 0;
        for round in 1..=10 {
            let mut child = command(folder.path(), arguments)
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // Kills as soon as the partial file exists, or a little later in later rounds.
            let before = names(&copies).len();
            while names(&copies).len() == before && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_micros(200 * (round - 1)));
            child.kill().unwrap();
            child.wait().unwrap();
            if target.exists() {
                // It finished before the kill, so the copy must be complete.
                whole(&target);
                std::fs::remove_file(&target).unwrap();
            } else {
                killed += 1;
            }
            let left = names(&copies);
            assert!(
                left.iter().all(|name| name.contains(".partial")),
                "{left:?}"
            );
        }
        assert!(killed > 0, "every copy finished before the kill");
        assert!(
            run_to_exit(command(folder.path(), arguments))
                .status
                .success()
        );
        whole(&target);
        // The partial files of killed runs are removed.
        nothing_but(&copies, &[target.file_name().unwrap().to_str().unwrap()]);
        std::fs::remove_dir_all(&copies).unwrap();
    }
}

/// Contract (tools): What killed backups and exports leave behind is cleaned up by the next one;
/// files in use are kept.
#[test]
fn cleanup_spares_partial_files_in_use() {
    let (folder, _program) = shopped("3");
    let copies = folder.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    for name in [
        "cartlog-backup-1.partial",
        "cartlog-backup-1.partial-journal",
        "cartlog-backup-2.partial-wal",
        "cartlog-backup-3.partial",
        "cartlog-export-1.partial",
        "backup.partial",
    ] {
        std::fs::write(copies.join(name), "half").unwrap();
    }
    // A running backup holds this lock.
    let held = std::fs::File::open(copies.join("cartlog-backup-3.partial")).unwrap();
    held.lock().unwrap();
    let backup = |target: &str| {
        let output = run_to_exit(command(folder.path(), &["backup", target]));
        assert!(output.status.success(), "{output:?}");
    };
    backup("copies/1.db");
    let others = [
        "backup.partial",
        "cartlog-backup-3.partial",
        "cartlog-export-1.partial",
    ];
    assert_eq!(names(&copies), [&["1.db"], &others[..]].concat());
    drop(held);
    backup("copies/2.db");
    assert_eq!(names(&copies), ["1.db", "2.db", others[0], others[2]]);
    let output = run_to_exit(command(folder.path(), &["export", "-o", "copies/3"]));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names(&copies), ["1.db", "2.db", "3", others[0]]);
}

#[test]
fn failed_export_names_the_path_and_leaves_nothing() {
    let (folder, _program) = shopped("3");
    for (target, part) in [
        ("nowhere/log.ndjson", "nowhere/log.ndjson: "),
        ("data", "a folder"),
    ] {
        let before = names(folder.path());
        let output = run_to_exit(command(folder.path(), &["export", "--output", target]));
        assert_eq!(output.status.code(), Some(1), "{target}");
        assert!(stderr_of(&output).contains(part), "{}", stderr_of(&output));
        assert_eq!(names(folder.path()), before);
    }
}
