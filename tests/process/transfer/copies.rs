//! Copies of the log, made beside a service and killed while they are made.

use super::{export, names, nothing_but, rows, shopped, told};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use indicatif::HumanCount;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_backup_is_a_whole_log_as_it_was_at_one_moment_while_shoppers_go_on() {
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
        assert!(copied >= before, "what was there before is in it");
        assert!(
            told(&output).contains(&format!("backed up {} events", HumanCount(copied as u64))),
            "{}",
            told(&output)
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
fn a_backup_never_takes_the_place_of_a_file_and_says_what_it_cannot_do() {
    let (folder, _program) = shopped("3");
    std::fs::write(folder.path().join("taken.db"), "mine").unwrap();
    for (target, part) in [
        ("taken.db", "exists already"),
        ("nowhere/backup.db", "nowhere/backup.db"),
        ("data/events.db", "exists already"),
    ] {
        let output = run_to_exit(command(folder.path(), &["backup", target]));
        assert_eq!(output.status.code(), Some(1), "{target}");
        assert!(told(&output).contains(part), "{}", told(&output));
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
            told(&output).contains("data/events.db"),
            "{}",
            told(&output)
        );
        nothing_but(nothing.path(), &[]);
    }
}

#[test]
fn a_backup_or_an_export_that_is_killed_leaves_nothing_that_looks_whole_and_the_next_one_sweeps_up()
{
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
            // As soon as one more file is begun, or a moment later, by the round.
            let before = names(&copies).len();
            while names(&copies).len() == before && child.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
            std::thread::sleep(Duration::from_micros(200 * (round - 1)));
            child.kill().unwrap();
            child.wait().unwrap();
            if target.exists() {
                // It was quicker, and what is there is all of it.
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
        assert!(killed > 0, "all were quicker than a kill");
        assert!(
            run_to_exit(command(folder.path(), arguments))
                .status
                .success()
        );
        whole(&target);
        // What the killed ones have left is swept up.
        nothing_but(&copies, &[target.file_name().unwrap().to_str().unwrap()]);
        std::fs::remove_dir_all(&copies).unwrap();
    }
}

#[test]
fn only_what_nobody_is_at_work_on_is_swept_up() {
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
    // As a backup does that is under way.
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
fn an_export_that_cannot_be_written_says_where_and_leaves_nothing() {
    let (folder, _program) = shopped("3");
    for (target, part) in [
        ("nowhere/log.ndjson", "nowhere/log.ndjson: "),
        ("data", "a folder"),
    ] {
        let before = names(folder.path());
        let output = run_to_exit(command(folder.path(), &["export", "--output", target]));
        assert_eq!(output.status.code(), Some(1), "{target}");
        assert!(told(&output).contains(part), "{}", told(&output));
        assert_eq!(names(folder.path()), before);
    }
}
