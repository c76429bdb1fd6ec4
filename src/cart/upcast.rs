//! Old shapes of events, made current on reading. The log is never rewritten: an event keeps the
//! shape and the schema version that it was written with, under the hash that covers them, and
//! whoever reads it sees today's.
//!
//! Each old shape is a type of its own that leads to the next one, so that an event of any age goes
//! up step by step and a new version needs one new step. A step knows nothing but the event: what an
//! old one does not say cannot be made up.

use super::event::{CartEvent, CartOpened};
use super::money::Currency;
use schemars::JsonSchema;
use serde::Deserialize;

/// What an event's data can look like in the log: as it is written today, or as it once was. Which, the
/// event's type and schema say.
#[derive(JsonSchema)]
#[schemars(untagged)]
pub enum StoredData {
    Today(CartEvent),
    CartOpened1(CartOpened1),
}

/// Schema 1 of [`CartOpened`], which took it for granted that the token's digest is SHA-256. Schema 2
/// names the function, so that another one can come later and the carts from before stay open.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct CartOpened1 {
    currency: Currency,
    #[serde(with = "hex")]
    #[schemars(with = "String")]
    token_hash: [u8; 32],
}

impl From<CartOpened1> for CartOpened {
    fn from(old: CartOpened1) -> CartOpened {
        CartOpened {
            currency: old.currency,
            token_hash: old.token_hash,
        }
    }
}
