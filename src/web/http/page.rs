//! Pagination: `limit` and an opaque `cursor` in the query, `{items, next}` in the response.

use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use hmac::{Hmac, KeyInit, Mac};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use url::form_urlencoded;

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
    pub fn place(&self, cursors: &Cursors, list: &str) -> Result<Option<u64>, Problem> {
        let cursor = self.cursor.as_deref();
        cursor.map(|cursor| cursors.place(list, cursor)).transpose()
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

/// The `Link` to the page at `cursor` of the list that `request` asks for (RFC 8288), for a
/// response whose body has no place for the cursor.
pub fn next_link(request: &HttpRequest, cursor: &str) -> String {
    link_to_next(request, "cursor", cursor)
}

/// The `Link` to the next page, of which the query parameter `parameter` says where it starts.
pub fn link_to_next(request: &HttpRequest, parameter: &str, start: &str) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    let given = form_urlencoded::parse(request.query_string().as_bytes());
    query.extend_pairs(given.filter(|(name, _)| name != parameter));
    let query = query.append_pair(parameter, start).finish();
    format!("<{}?{query}>; rel=\"next\"", request.path())
}

/// Length of a cursor's code in bytes.
const CODE: usize = 16;

/// Issues cursors and reads them back. A cursor is opaque, since its format may change, and has a
/// code that only the service can compute: no other text leads anywhere in a list.
pub struct Cursors {
    key: [u8; 32],
}

impl Cursors {
    /// Cursors with codes under `key`, which all nodes of a shop must have.
    pub fn new(key: [u8; 32]) -> Cursors {
        Cursors { key }
    }

    /// The cursor for `place` in `list`.
    pub fn cursor(&self, list: &str, place: u64) -> String {
        self.cursor_of(list, &place.to_be_bytes())
    }

    /// The place of `cursor`, if it is one of `list`. It fits the signed integers of the storage.
    pub fn place(&self, list: &str, cursor: &str) -> Result<u64, Problem> {
        let place = u64::from_be_bytes(self.place_of(list, cursor)?);
        i64::try_from(place).map_err(|_| invalid_cursor())?;
        Ok(place)
    }

    /// The cursor for a place of several fields.
    pub fn cursor_of(&self, list: &str, place: &[u8]) -> String {
        hex::encode([place, &self.code(list, place)].concat())
    }

    /// The place of `N` bytes of `cursor`, if it is one of `list`.
    pub fn place_of<const N: usize>(&self, list: &str, cursor: &str) -> Result<[u8; N], Problem> {
        let bytes = hex::decode(cursor).map_err(|_| invalid_cursor())?;
        let (place, found) = bytes.split_first_chunk::<N>().ok_or_else(invalid_cursor)?;
        if found.ct_eq(&self.code(list, place)).into() {
            Ok(*place)
        } else {
            Err(invalid_cursor())
        }
    }

    fn code(&self, list: &str, place: &[u8]) -> [u8; CODE] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(&(list.len() as u64).to_be_bytes());
        mac.update(list.as_bytes());
        mac.update(place);
        let code: [u8; 32] = mac.finalize().into_bytes().into();
        *code.first_chunk().expect("SHA-256 has 32 bytes")
    }
}

fn invalid_cursor() -> Problem {
    Problem::new(
        Kind::InvalidQuery,
        "Invalid cursor. Start again without one.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use cartlog_testkit::seed::seeded;
    use proptest::prelude::*;
    use sha2::Digest;

    const CURSORS: Cursors = Cursors { key: [7; 32] };

    proptest! {
        #![proptest_config(seeded(4_096))]

        /// Promise (input): A list accepts only the cursors that it has issued.
        /// Fault: Issued cursors with a flipped bit
        #[test]
        fn cursor_with_flipped_bit_is_refused(
            at in 0..=i64::MAX.unsigned_abs(),
            list in ".{0,20}",
            byte in any::<prop::sample::Index>(),
            bit in 0..8_u32,
        ) {
            let given = CURSORS.cursor(&list, at);
            prop_assert_eq!(CURSORS.place(&list, &given).ok(), Some(at));
            let mut bytes = hex::decode(&given).unwrap();
            *byte.get_mut(&mut bytes) ^= 1_u8 << bit;
            prop_assert!(CURSORS.place(&list, &hex::encode(bytes)).is_err());
        }

        /// Promise (input): A list accepts only the cursors that it has issued.
        /// Fault: Random texts
        /// Control: An issued cursor leads back to its place:
        /// [cursor_is_valid_only_in_its_own_list].
        #[test]
        fn arbitrary_text_is_refused_as_cursor(list in ".{0,20}", text in prop_oneof![
            ".{0,60}",
            "[0-9a-fA-F]{0,60}",
            "[0-9a-f]{48}",
        ]) {
            prop_assert!(CURSORS.place(&list, &text).is_err());
            prop_assert!(CURSORS.place_of::<0>(&list, &text).is_err());
            prop_assert!(CURSORS.place_of::<24>(&list, &text).is_err());
        }

        /// Promise (input): A list accepts only the cursors that it has issued.
        /// Fault: Cursors computed without the key: with another one, or with a plain checksum
        #[test]
        fn cursor_computed_without_the_key_is_refused(at in any::<u64>(), list in ".{0,20}") {
            let other = Cursors::new([8; 32]).cursor(&list, at);
            prop_assert!(CURSORS.place(&list, &other).is_err());
            let place = at.to_be_bytes();
            let sum = Sha256::new().chain_update(place).chain_update(&list).finalize();
            for length in [6, CODE] {
                let forged = hex::encode([&place[..], &sum[..length]].concat());
                prop_assert!(CURSORS.place(&list, &forged).is_err());
            }
        }
    }

    #[test]
    fn cursor_is_valid_only_in_its_own_list() {
        let given = CURSORS.cursor("events of a", 42);
        assert_eq!(CURSORS.place("events of a", &given).unwrap(), 42);
        assert!(CURSORS.place("events of b", &given).is_err());
        for altered in ["", "00", "zz", &given[1..], &given.replace('2', "3")] {
            assert!(CURSORS.place("events of a", altered).is_err(), "{altered}");
        }
    }

    #[test]
    fn place_beyond_the_integers_of_the_storage_is_refused() {
        for place in [i64::MAX.unsigned_abs() + 1, u64::MAX] {
            let cursor = CURSORS.cursor("list", place);
            assert!(CURSORS.place("list", &cursor).is_err());
        }
    }
}
