//! Stock-keeping units (SKUs), which identify products.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A product's key: a letter or digit, then up to 63 letters, digits, dots, underscores or hyphens,
/// so that a URL path or a command line needs no escaping. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Sku(Arc<str>);

impl Sku {
    /// The longest sku, in characters.
    pub const MAX_LENGTH: usize = 64;

    pub fn parse(text: &str) -> Result<Self, InvalidSku> {
        let bytes = text.as_bytes();
        let well_formed = (1..=Self::MAX_LENGTH).contains(&bytes.len())
            && bytes[0].is_ascii_alphanumeric()
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if well_formed {
            Ok(Sku(text.into()))
        } else {
            Err(InvalidSku)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Sku {
    type Error = InvalidSku;

    fn try_from(text: String) -> Result<Self, InvalidSku> {
        Sku::parse(&text)
    }
}

impl Serialize for Sku {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl JsonSchema for Sku {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Sku".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$" })
    }
}

/// A text is not a SKU. The error omits the text, which may be of any length and content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a sku must be a letter or digit followed by up to 63 letters, digits, dots, underscores or \
     hyphens"
)]
pub struct InvalidSku;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sku_allows_only_characters_that_need_no_escaping() {
        let longest = "a".repeat(Sku::MAX_LENGTH);
        for good in ["teapot", "T-1", "0", "a.b_c-D", &longest] {
            assert_eq!(Sku::parse(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(Sku::MAX_LENGTH + 1);
        for bad in [
            "",
            "-a",
            ".",
            "../x",
            "a b",
            "a\0",
            "a\n",
            "теапот",
            "a/b",
            "a%2f",
            &too_long,
        ] {
            assert_eq!(Sku::parse(bad), Err(InvalidSku), "{bad:?}");
        }
    }
}
