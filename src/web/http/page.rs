//! Pagination: `limit` and an opaque `cursor` in the query, `{items, next}` in the response.

use crate::web::http::problem::{Kind, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "PageOf{T}")]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// The cursor of the next page; null at the end.
    pub next: Option<String>,
}

/// The query of a list that takes no other parameters.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Items per page; 50 by default.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the previous page.
    pub cursor: Option<String>,
}

impl PageQuery {
    pub fn limit(&self) -> Result<usize, Problem> {
        limit(self.limit)
    }

    /// Where in `list` the page starts; `None` for the first page.
    pub fn place(&self, list: &str) -> Result<Option<u64>, Problem> {
        let cursor = self.cursor.as_deref();
        cursor.map(|cursor| place(list, cursor)).transpose()
    }
}

/// The order of a list of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    #[default]
    Asc,
    Desc,
}

/// The page size.
pub fn limit(asked: Option<usize>) -> Result<usize, Problem> {
    let limit = asked.unwrap_or(DEFAULT_LIMIT);
    if (1..=MAX_LIMIT).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::new(
        Kind::InvalidQuery,
        format!("limit must be an integer from 1 to {MAX_LIMIT}."),
    )
    .with("max", MAX_LIMIT))
}

/// The cursor for `place` in `list`. It is opaque: its format may change.
pub fn cursor(list: &str, place: u64) -> String {
    cursor_of(list, &place.to_be_bytes())
}

/// The place of `cursor`, if `list` issued it.
pub fn place(list: &str, cursor: &str) -> Result<u64, Problem> {
    place_of(list, cursor).map(u64::from_be_bytes)
}

/// The cursor for a place of several fields.
pub fn cursor_of(list: &str, place: &[u8]) -> String {
    hex::encode([place, &check(list, place)].concat())
}

/// The place of `N` bytes of `cursor`, if `list` issued it.
pub fn place_of<const N: usize>(list: &str, cursor: &str) -> Result<[u8; N], Problem> {
    let invalid = || {
        Problem::new(
            Kind::InvalidQuery,
            "Invalid cursor. Start again without one.",
        )
    };
    let bytes = hex::decode(cursor).map_err(|_| invalid())?;
    let (place, found) = bytes.split_first_chunk::<N>().ok_or_else(invalid)?;
    if found == check(list, place) {
        Ok(*place)
    } else {
        Err(invalid())
    }
}

/// A checksum that detects altered cursors and cursors of other lists.
fn check(list: &str, place: &[u8]) -> [u8; 6] {
    let sum: [u8; 32] = Sha256::new()
        .chain_update(place)
        .chain_update(list)
        .finalize()
        .into();
    *sum.first_chunk().expect("SHA-256 has 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartlog_testkit::seed::seeded;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(seeded(4_096))]

        /// Promise (input): A list accepts only the cursors that it has issued.
        /// Fault: Issued cursors with a flipped bit
        #[test]
        fn cursor_with_flipped_bit_is_refused(
            at in any::<u64>(),
            list in ".{0,20}",
            byte in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let given = cursor(&list, at);
            prop_assert_eq!(place(&list, &given).ok(), Some(at));
            let mut bytes = hex::decode(&given).unwrap();
            *byte.get_mut(&mut bytes) ^= 1_u8 << bit;
            prop_assert!(place(&list, &hex::encode(bytes)).is_err());
        }

        /// Promise (input): A list accepts only the cursors that it has issued.
        /// Fault: Random texts
        /// Control: An issued cursor leads back to its place:
        /// [cursor_is_valid_only_in_its_own_list].
        #[test]
        fn arbitrary_text_is_refused_as_cursor(list in ".{0,20}", text in prop_oneof![
            ".{0,60}",
            "[0-9a-fA-F]{0,60}",
            "[0-9a-f]{28}",
        ]) {
            prop_assert!(place(&list, &text).is_err());
            prop_assert!(place_of::<0>(&list, &text).is_err());
            prop_assert!(place_of::<24>(&list, &text).is_err());
        }
    }

    #[test]
    fn cursor_is_valid_only_in_its_own_list() {
        let given = cursor("events of a", 42);
        assert_eq!(place("events of a", &given).unwrap(), 42);
        assert!(place("events of b", &given).is_err());
        for altered in ["", "00", "zz", &given[1..], &given.replace('2', "3")] {
            assert!(place("events of a", altered).is_err(), "{altered}");
        }
    }
}
