//! Export and import.

use super::{
    begin_import, events_of, export, import, import_refused, nothing_but, rows, shopped, stderr_of,
};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::log_file::{log_path, read_intact_log};
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use indicatif::HumanCount;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// Every row of every view, once the views in `folder` have caught up.
fn views(folder: &Path) -> Vec<(String, Vec<String>)> {
    let program = ServiceProcess::serve(folder);
    let end = read_intact_log(&log_path(folder)).len();
    let path = folder.join("data/views.db");
    let started = Instant::now();
    while rows(&path, "(SELECT position FROM checkpoint)") != [format!("[Integer({end})]")] {
        assert!(
            started.elapsed() < PATIENCE,
            "the views do not catch up in time"
        );
        std::thread::yield_now();
    }
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    let tables = rows(
        &path,
        "(SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%')",
    );
    tables
        .iter()
        .map(|table| {
            table
                .trim_start_matches("[Text(\"")
                .trim_end_matches("\")]")
        })
        // The checkpoint names the log, which is another one here.
        .filter(|table| *table != "checkpoint")
        .map(|table| (table.to_owned(), rows(&path, table)))
        .collect()
}

/// Contract (tools): `export` and `import` reproduce the log and its views.
#[test]
fn export_while_serving_and_import_give_the_same_log() {
    let (here, program) = shopped("120");
    let lines = export(here.path());
    let to_file = run_to_exit(command(here.path(), &["export", "--output", "log.ndjson"]));
    assert!(to_file.status.success(), "{to_file:?}");
    assert_eq!(
        std::fs::read(here.path().join("log.ndjson")).unwrap(),
        lines
    );
    let events = read_intact_log(&log_path(here.path())).len() as u64;
    assert!(stderr_of(&to_file).contains(&format!("exported {} events", HumanCount(events))));
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));

    let there = tempfile::tempdir().unwrap();
    let output = import(there.path(), &lines);
    assert!(output.status.success(), "{output:?}");
    assert!(stderr_of(&output).contains(&format!("imported {} events", HumanCount(events))));
    assert_eq!(
        rows(&log_path(here.path()), "events"),
        rows(&log_path(there.path()), "events")
    );
    // The closing line names the log, which is another one.
    assert_eq!(events_of(&export(there.path())), events_of(&lines));

    assert!(stderr_of(&output).contains("data/secret"), "{output:?}");
    let [secret, copy] = [&here, &there].map(|folder| folder.path().join("data/secret"));
    std::fs::copy(secret, copy).unwrap();
    let views = [views(here.path()), views(there.path())];
    assert!(views[0].len() > 5, "tables of views");
    assert_eq!(views[0], views[1]);
}

#[test]
fn export_is_cloud_events_in_log_order() {
    let (folder, _program) = shopped("20");
    let mut ids = std::collections::BTreeSet::new();
    for (number, line) in events_of(&export(folder.path())).iter().enumerate() {
        let event: Value = serde_json::from_str(line).unwrap();
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["datacontenttype"], "application/json");
        assert_eq!(event["logposition"], (number + 1).to_string());
        for required in ["id", "source", "type", "time", "subject"] {
            assert!(!event[required].as_str().unwrap().is_empty(), "{required}");
        }
        // CloudEvents 1.0, 3.1: the attributes' names are lower-case letters and digits.
        for name in event.as_object().unwrap().keys() {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
        }
        assert!(ids.insert((event["source"].to_string(), event["id"].to_string())));
    }
    assert!(ids.len() > 60);
}

/// A tampered export, and the error that an import must report.
struct Tampered {
    what: &'static str,
    line: usize,
    lines: Vec<String>,
    reason: &'static str,
}

/// Ways to tamper with an export.
fn tampered(lines: &[String]) -> Vec<Tampered> {
    // A cart's second event: the earliest with a predecessor.
    let is_second = |line: &String| line.contains(r#""streamversion":"2""#);
    let second = 1 + lines.iter().position(is_second).unwrap();
    let last = lines.len();
    let mut all = Vec::new();
    let mut add = |what, line, lines, reason| {
        all.push(Tampered {
            what,
            line,
            lines,
            reason,
        });
    };
    for (what, line, from, to, reason) in [
        ("data", second, r#""quantity":"#, r#""quantity":1"#, "hash"),
        ("time", second, r#""time":"2"#, r#""time":"3"#, "hash"),
        (
            "metadata",
            second,
            r#"\"shopper\""#,
            r#"\"service\""#,
            "hash",
        ),
        (
            "contradiction",
            second,
            r#"actor":"shopper"#,
            r#"actor":"x"#,
            "contradict",
        ),
        (
            "chain",
            second,
            r#"previoushash":"#,
            r#"previoushash":"0"#,
            "not an event",
        ),
        ("newer", second, "Added.v1", "Added.v9", "hash"),
        ("other", 1, "cartlog.", "shop.", "not one of cartlog"),
        (
            "hidden",
            second,
            r#"\"actor"#,
            r#"\n\"actor"#,
            "single lines",
        ),
        (
            "position",
            2,
            r#"position":"2"#,
            r#"position":"1"#,
            "position 1",
        ),
    ] {
        let mut lines = lines.to_vec();
        assert!(
            lines[line - 1].contains(from),
            "{from} in {}",
            lines[line - 1]
        );
        lines[line - 1] = lines[line - 1].replacen(from, to, 1);
        add(what, line, lines, reason);
    }
    let mut cut = lines.to_vec();
    cut[last - 1].truncate(100);
    add("a line cut off", last, cut, "not an event");
    let mut plain = lines.to_vec();
    let (before, _) = plain[0].split_once(r#","metadata""#).unwrap();
    plain[0] = format!("{before}}}");
    add("no metadata", 1, plain, "no metadata");
    let mut twice = lines.to_vec();
    twice.insert(1, lines[0].clone());
    add("a line twice", 2, twice, "position 1");
    let headless = lines[1..].to_vec();
    let is_orphan = |line: &String| line.contains(&lines[0][..60]);
    let orphan = 1 + headless.iter().position(is_orphan).unwrap_or(second - 2);
    add(
        "no beginning",
        orphan,
        headless,
        "does not follow version 0",
    );
    add("nonsense", 1, vec!["hello".to_owned()], "not an event");
    all
}

/// Contract (tools): `import` names the line that it refuses, and leaves no log.
#[test]
fn tampered_import_names_the_line_and_leaves_no_log() {
    let folder = tempfile::tempdir().unwrap();
    let program = ServiceProcess::serve(folder.path());
    let url = format!("http://{}", program.address);
    let one_by_one = [
        "simulate",
        "--url",
        &url,
        "--carts",
        "9",
        "--concurrency",
        "1",
    ];
    assert!(
        run_to_exit(command(folder.path(), &one_by_one))
            .status
            .success()
    );
    let exported = String::from_utf8(export(folder.path())).unwrap();
    let lines: Vec<String> = exported.lines().map(str::to_owned).collect();
    for case in tampered(&lines) {
        let text = format!("{}\n", case.lines.join("\n"));
        let line = format!("line {}: ", case.line);
        import_refused(case.what, text.as_bytes(), &[&line, case.reason]);
    }
}

#[test]
fn import_accepts_only_an_empty_unused_log() {
    let (folder, program) = shopped("5");
    let lines = export(folder.path());
    let before = rows(&log_path(folder.path()), "events");
    let output = import(folder.path(), &lines);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr_of(&output).contains("another process has this log open"));
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));

    let output = import(folder.path(), &lines);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr_of(&output).contains("only an empty log can be filled"));
    assert_eq!(rows(&log_path(folder.path()), "events"), before);

    let empty = tempfile::tempdir().unwrap();
    ServiceProcess::serve(empty.path()).kill();
    let output = import(empty.path(), &lines);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(rows(&log_path(empty.path()), "events"), before);
    drop(ServiceProcess::serve(empty.path()));
}

/// Contract (tools): `import` names the line that it refuses, and leaves no log.
#[test]
fn killed_import_leaves_no_log_and_can_be_repeated() {
    let (folder, program) = shopped("40");
    let lines = export(folder.path());
    program.kill();
    let there = tempfile::tempdir().unwrap();
    let mut half = begin_import(there.path(), &[]);
    half.stdin
        .as_mut()
        .unwrap()
        .write_all(&lines[..lines.len() / 2])
        .unwrap();
    let started = Instant::now();
    let partial = there.path().join("data/events.db.partial");
    while std::fs::metadata(&partial).map_or(0, |file| file.len()) == 0 {
        assert!(started.elapsed() < PATIENCE, "nothing is written");
        std::thread::yield_now();
    }
    half.kill().unwrap();
    half.wait().unwrap();
    assert!(!log_path(there.path()).exists());

    assert!(import(there.path(), &lines).status.success());
    nothing_but(&there.path().join("data"), &["events.db", "events.db.lock"]);
    assert_eq!(
        rows(&log_path(there.path()), "events"),
        rows(&log_path(folder.path()), "events")
    );
}
