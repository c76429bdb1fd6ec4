//! The closing line of an export, by which an import notices what is missing.

use super::{events_of, export, import, import_refused, import_with, rows, shopped, stderr_of};
use cartlog_testkit::log_file::{log_path, read_intact_log};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// The digest of a log, computed from the hashes of its events.
fn digest<'a>(hashes: impl Iterator<Item = &'a str>) -> String {
    let lines: String = hashes.flat_map(|hash| [hash, "\n"]).collect();
    hex::encode(Sha256::digest(lines))
}

fn joined(lines: &[String]) -> Vec<u8> {
    format!("{}\n", lines.join("\n")).into_bytes()
}

/// Contract (tools): The last line of an export has the log's id, the number of events, and
/// position and hash of the last one.
#[test]
fn export_ends_with_a_cloud_event_that_identifies_it() {
    let (folder, program) = shopped("9");
    let lines = String::from_utf8(export(folder.path())).unwrap();
    let (_, closing_line) = lines.trim_end().rsplit_once('\n').unwrap();
    let events = read_intact_log(&log_path(folder.path()));
    let (count, hash) = (
        events.len(),
        digest(events.iter().map(|event| event.hash.as_str())),
    );
    let closing_line: Value = serde_json::from_str(closing_line).unwrap();
    let id = rows(
        &log_path(folder.path()),
        "(SELECT lower(hex(id)) FROM identity)",
    );
    let log_id = closing_line["data"]["log_id"].as_str().unwrap();
    assert!(id[0].contains(&log_id.replace('-', "")), "{id:?}");
    assert_eq!(
        closing_line,
        json!({
            "specversion": "1.0",
            "id": count.to_string(),
            "source": format!("urn:uuid:{log_id}"),
            "type": "cartlog.export.completed.v1",
            "datacontenttype": "application/json",
            "data": { "log_id": log_id, "events": count, "position": count, "hash": hash },
        })
    );

    drop(program);
    let there = tempfile::tempdir().unwrap();
    let imported = import(there.path(), lines.as_bytes());
    assert!(imported.status.success(), "{imported:?}");
    let head = format!("head {count}:{hash}\n");
    assert!(stderr_of(&imported).contains(&head), "{imported:?}");
}

/// Contract (tools): `import` refuses an export that was cut, anywhere, or does not match its
/// closing line.
#[test]
fn cut_export_is_refused_wherever_it_was_cut() {
    let (folder, _program) = shopped("5");
    let whole = export(folder.path());
    let events = events_of(&whole);
    let text = String::from_utf8(whole.clone()).unwrap();
    let closing_line = text.lines().last().unwrap().to_owned();
    // Some of these cuts are between the events of one command.
    for kept in 0..=events.len() {
        let part = joined(&events[..kept]);
        import_refused(&format!("{kept} lines"), &part, &["no closing line"]);
    }
    import_refused("half a line", &whole[..whole.len() - 40], &["not an event"]);

    let at_the_end = format!("line {}: ", events.len());
    let mut without_last = events.clone();
    without_last.pop();
    without_last.push(closing_line.clone());
    let removed = "lines were removed or added";
    import_refused("the last", &joined(&without_last), &[&at_the_end, removed]);

    let subject = |line: &String| serde_json::from_str::<Value>(line).unwrap()["subject"].clone();
    let cart = subject(&events[0]);
    let mut without_cart = events.clone();
    without_cart.retain(|line| subject(line) != cart);
    without_cart.push(closing_line.clone());
    import_refused("a cart", &joined(&without_cart), &[removed]);

    // The counts of a forger are right, and the digest is not.
    let forged = closing_line.replace(
        &format!("\"events\":{}", events.len()),
        &format!("\"events\":{}", events.len() - 1),
    );
    *without_last.last_mut().unwrap() = forged;
    import_refused(
        "forged",
        &joined(&without_last),
        &["the export was closed at"],
    );

    let twice = [whole.clone(), whole].concat();
    import_refused("two exports", &twice, &["comes after the closing line"]);
}

/// Contract (tools): `import` accepts an export without closing line only with `--incomplete`.
#[test]
fn export_without_closing_line_needs_a_flag() {
    let (folder, program) = shopped("5");
    let events = events_of(&export(folder.path()));
    drop(program);
    import_refused("by default", &joined(&events), &["--incomplete"]);
    let there = tempfile::tempdir().unwrap();
    let imported = import_with(there.path(), &["--incomplete"], &joined(&events));
    assert!(imported.status.success(), "{imported:?}");
    assert!(stderr_of(&imported).contains("no closing line"));
    assert_eq!(
        rows(&log_path(there.path()), "events"),
        rows(&log_path(folder.path()), "events")
    );
}
