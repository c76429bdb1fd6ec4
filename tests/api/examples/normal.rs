//! What differs between two runs of the story is replaced: ids by their order of appearance, so
//! that the same id must stay the same, and times and durations by a word.

use serde_json::{Map, Value};
use std::collections::HashMap;

/// At least as many characters as the shortest id, which is an entity tag.
const ID_LENGTH: usize = 16;
const TIME_LENGTH: usize = "2026-11-24T05:48:27.598Z".len();

pub fn normalized(value: &Value) -> Value {
    replaced(value, &mut HashMap::new())
}

fn replaced(value: &Value, ids: &mut HashMap<String, usize>) -> Value {
    match value {
        Value::String(text) if is_signed(text) => Value::String("(signed)".to_owned()),
        Value::String(text) => Value::String(without_ids(text, ids)),
        Value::Array(items) => items.iter().map(|item| replaced(item, ids)).collect(),
        Value::Object(members) => {
            let mut sorted: Vec<(&String, &Value)> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            let members = sorted.into_iter().map(|(name, value)| {
                let value = if is_volatile(name) {
                    Value::String("(differs)".to_owned())
                } else {
                    replaced(value, ids)
                };
                (name.clone(), value)
            });
            Value::Object(members.collect::<Map<_, _>>())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

/// Durations, addresses, and the progress of a job that has just begun or of the signer.
fn is_volatile(name: &str) -> bool {
    let progress = [
        "signed_events",
        "head",
        "phase",
        "events_done",
        "events_total",
        "result",
        "per_cent",
        "rows_compared",
        "rows_checked",
        "steps",
        "log_bytes",
        "log_wal_bytes",
        "views_bytes",
        "free_bytes",
        // Of a receiver, which has a port of its own.
        "url",
    ];
    name.ends_with("_ms") || progress.contains(&name) || name == "server-timing"
}

/// The text without the seconds of a `Retry in 59 s`.
fn without_wait(text: &str) -> String {
    const WAIT: &str = "Retry in ";
    let Some((before, after)) = text.split_once(WAIT) else {
        return text.to_owned();
    };
    let after = after.trim_start_matches(|it: char| it.is_ascii_digit());
    format!("{before}{WAIT}{after}")
}

fn without_ids(text: &str, ids: &mut HashMap<String, usize>) -> String {
    let mut normal = String::new();
    let text = without_wait(text);
    let mut rest = text.as_str();
    while let Some(first) = rest.chars().next() {
        let time = rest.get(..TIME_LENGTH).filter(|it| is_time(it));
        let length = rest
            .find(|it: char| !(it.is_ascii_digit() || ('a'..='f').contains(&it) || it == '-'))
            .unwrap_or(rest.len());
        if let Some(time) = time {
            normal += "(time)";
            rest = &rest[time.len()..];
        } else if length >= ID_LENGTH {
            let number = ids.len() + 1;
            let number = *ids.entry(rest[..length].to_owned()).or_insert(number);
            normal += &format!("(id {number})");
            rest = &rest[length..];
        } else {
            // A whole word, so that an id is never found within one.
            let word = rest
                .find(|it: char| !it.is_ascii_alphanumeric())
                .unwrap_or(rest.len());
            let length = word.max(first.len_utf8());
            normal += &rest[..length];
            rest = &rest[length..];
        }
    }
    normal
}

/// Whether the text is a signed note, a proof with one, or a key: another one for each log.
fn is_signed(text: &str) -> bool {
    let is_key = text.lines().count() == 1 && text.split('+').count() >= 3;
    text.contains("\n\u{2014} ") || is_key
}

fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes[0].is_ascii_digit() && bytes[10] == b'T' && bytes[TIME_LENGTH - 1] == b'Z'
}

#[test]
fn normalized_keeps_equal_ids_equal_and_drops_times() {
    let one = serde_json::json!({
        "id": "01a20c19-324e-76c9-b286-e42798811daa",
        "location": "/api/carts/01a20c19-324e-76c9-b286-e42798811daa",
        "hash": "cd783a5bf8cc979b7266740737ae83675e1b3647865d50d30ec97834f3bc6fbe",
        "opened_at": "2026-11-24T05:48:27.598Z", "lag_ms": 7, "name": "Teapot",
    });
    let text = one.to_string();
    let other = text
        .replace("01a20c19", "02b20c19")
        .replace("cd783a", "ab783a");
    let other = other
        .replace("05:48:27.598", "15:48:27.000")
        .replace(":7", ":9");
    let split = text.replacen("01a20c19", "02b20c19", 1);
    let [other, split] = [other, split].map(|it| serde_json::from_str(&it).unwrap());
    assert_eq!(normalized(&one), normalized(&other));
    assert_ne!(normalized(&one), normalized(&split));
    assert_ne!(
        normalized(&one),
        normalized(&serde_json::json!({ "name": "Cup" }))
    );
}
