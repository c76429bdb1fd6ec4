//! Exports that other tools wrote again, and lines without an end.

use super::{begin_import, export, import, nothing_but, rows, shopped, stderr_of};
use cartlog_testkit::log_file::log_path;
use serde_json::Value;
use std::io::Write;

/// `value` with sorted keys, a space after each colon and comma, and no character beyond ASCII, as
/// Python's `json.dumps(value, sort_keys=True)` writes it.
fn rewritten(value: &Value, sorts_keys: bool) -> String {
    let each = |values: Vec<String>| values.join(", ");
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            if sorts_keys {
                members.sort_by_key(|(name, _)| name.as_str());
            }
            let members = members
                .into_iter()
                .map(|(name, value)| format!("{name:?}: {}", rewritten(value, sorts_keys)));
            format!("{{{}}}", each(members.collect()))
        }
        Value::Array(values) => {
            let values = values.iter().map(|value| rewritten(value, sorts_keys));
            format!("[{}]", each(values.collect()))
        }
        Value::String(text) => {
            let quoted = serde_json::to_string(text).unwrap();
            let escaped = quoted.chars().map(|c| match c {
                ' '..='~' => c.to_string(),
                _ => format!("\\u{:04x}", u32::from(c)),
            });
            escaped.collect()
        }
        plain => plain.to_string(),
    }
}

/// Contract (tools): `import` reads an export that another tool has spaced or escaped differently,
/// or whose keys it has sorted, and gives the same log.
#[test]
fn export_rewritten_by_other_tools_gives_the_same_log() {
    let (folder, program) = shopped("20");
    let lines = String::from_utf8(export(folder.path())).unwrap();
    drop(program);
    for sorts_keys in [false, true] {
        let again: String = lines
            .lines()
            .map(|line| rewritten(&serde_json::from_str(line).unwrap(), sorts_keys) + "\r\n")
            .collect();
        let there = tempfile::tempdir().unwrap();
        let output = import(there.path(), again.as_bytes());
        assert!(output.status.success(), "{}", stderr_of(&output));
        assert_eq!(
            rows(&log_path(there.path()), "events"),
            rows(&log_path(folder.path()), "events")
        );
    }
}

/// Contract (tools): `import` refuses a line of more than 1 MiB, without reading the rest.
#[test]
fn line_without_an_end_is_refused_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = begin_import(folder.path(), &[]);
    let mut input = child.stdin.take().unwrap();
    let part = vec![b'x'; 1 << 16];
    let mut written = 0;
    input.write_all(b"\n").unwrap();
    while input.write_all(&part).is_ok() {
        written += part.len();
        assert!(written < 8 << 20, "the import reads a line without an end");
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = stderr_of(&output);
    assert!(
        stderr.contains("line 2: it is longer than 1 MiB"),
        "{stderr}"
    );
    nothing_but(&folder.path().join("data"), &["events.db.lock"]);
}
