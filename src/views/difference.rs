//! How the views that serve differ from those that the log gives.

use rusqlite::types::ValueRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many differences are listed; all are counted.
const LISTED: usize = 100;
/// How many characters of a text are listed at the most.
const EXCERPT: usize = 80;

/// The outcome of a comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    pub rows: u64,
    pub differing: u64,
    /// The first differences.
    pub differences: Vec<Difference>,
}

/// A row that differs from what the log gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RowDifference")]
pub struct Difference {
    pub table: String,
    /// The row's primary key, its columns separated by spaces.
    pub key: String,
    pub difference: Differs,
    /// The cart that the row is about, if it is about one.
    pub cart_id: Option<Uuid>,
    /// The version that the row should have, if its table has one.
    #[serde(skip)]
    pub version: Option<u64>,
    pub detail: String,
}

/// How a row differs from the one that it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// The row should exist.
    Missing,
    /// The row should not exist.
    Extra,
    Different,
}

impl Comparison {
    /// Views that cannot be compared, which counts as one difference.
    pub(super) fn impossible(reason: &str) -> Comparison {
        let mut comparison = Comparison::default();
        comparison.add(Difference {
            table: String::new(),
            key: String::new(),
            difference: Differs::Missing,
            cart_id: None,
            version: None,
            detail: format!("the views cannot be compared: {reason}"),
        });
        comparison
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.differing += 1;
        if self.differences.len() < LISTED {
            self.differences.push(difference);
        }
    }
}

/// The first byte at which two texts differ.
pub(super) fn first_difference(left: ValueRef<'_>, right: ValueRef<'_>) -> usize {
    match (left, right) {
        (ValueRef::Text(left), ValueRef::Text(right)) => {
            left.iter().zip(right).take_while(|(a, b)| a == b).count()
        }
        _ => 0,
    }
}

/// A value for a report; of a long text, the part around the byte `around`.
pub(super) fn excerpt(value: ValueRef<'_>, around: usize) -> String {
    const BEFORE: usize = 24;
    let ValueRef::Text(text) = value else {
        return shortened(&whole(value));
    };
    let begin = around.min(text.len()).saturating_sub(BEFORE);
    let dots = if begin > 0 { "…" } else { "" };
    let rest = String::from_utf8_lossy(&text[begin..]);
    format!("\"{dots}{}\"", shortened(&rest))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// All of a value; 16 bytes are an id.
pub(super) fn whole(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "nothing".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Blob(bytes) => match Uuid::from_slice(bytes) {
            Ok(id) => id.to_string(),
            Err(_) => hex::encode(bytes),
        },
    }
}
