//! What differs between two generations of the views, and how it is told.

use rusqlite::types::ValueRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How many differences are kept to be shown; all are counted.
const SHOWN: usize = 100;
/// How many characters of a text are shown at the most.
const EXCERPT: usize = 80;

/// What a comparison has found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Comparison {
    pub rows: u64,
    pub differing: u64,
    /// The first of them.
    pub differences: Vec<Difference>,
}

/// A row that is not what the log adds up to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RowDifference")]
pub struct Difference {
    pub table: String,
    /// The row's primary key, its columns separated by spaces.
    pub key: String,
    pub difference: Differs,
    /// The cart that the row is about, if it is about one.
    pub cart_id: Option<Uuid>,
    /// The version that the row should have, if it has one.
    #[serde(skip)]
    pub version: Option<u64>,
    pub detail: String,
}

/// How a row that serves differs from the one that was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Differs {
    /// It is not there, and should be.
    Missing,
    /// It is there, and should not be.
    Extra,
    Different,
}

impl Comparison {
    /// A comparison with views that cannot be read at all.
    pub(super) fn nothing(reason: &str) -> Comparison {
        let mut comparison = Comparison::default();
        comparison.add(Difference {
            table: String::new(),
            key: String::new(),
            difference: Differs::Missing,
            cart_id: None,
            version: None,
            detail: format!("the views that serve cannot be read: {reason}"),
        });
        comparison
    }

    pub(super) fn add(&mut self, difference: Difference) {
        self.differing += 1;
        if self.differences.len() < SHOWN {
            self.differences.push(difference);
        }
    }
}

/// Where two texts begin to differ, in bytes.
pub(super) fn first_difference(left: ValueRef<'_>, right: ValueRef<'_>) -> usize {
    match (left, right) {
        (ValueRef::Text(left), ValueRef::Text(right)) => {
            left.iter().zip(right).take_while(|(a, b)| a == b).count()
        }
        _ => 0,
    }
}

/// A value as it is shown; of a long text what stands around its byte `around`.
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

/// All of a value: 16 bytes as the id that they are in a key.
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
