//! Old shapes of events, upcast on reading. The log is never rewritten: an event keeps the shape
//! and schema version that it was written with, because its hash covers them.
//!
//! Each old shape is a type of its own that converts into the next one, so that a new version
//! needs one new step. A step sees only the event: it cannot invent what the old shape lacks.

use super::money::Currency;
use schemars::JsonSchema;
use serde::Deserialize;

/// Schema 1 of `CartOpened`, in which the token's digest is implicitly SHA-256. Schema 2 names the
/// hash function, so that another one can be added while old carts stay accessible.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CartOpened1 {
    pub(super) currency: Currency,
    #[serde(with = "hex")]
    #[schemars(with = "String")]
    pub(super) token_hash: [u8; 32],
}
