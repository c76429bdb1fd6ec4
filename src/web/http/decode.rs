//! Strict JSON decoding, with a JSON pointer to the error.

use crate::web::http::problem::{Kind, Problem};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// Decodes `body` as one JSON object of type `T`, or points at the error.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    match serde_json::from_slice::<Object<T>>(body) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(explain::<T>(body, &error)),
    }
}

/// Reads a refused body again to find the error: first whether it is JSON, then whether it is a
/// `T`.
fn explain<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    // `IgnoredAny` would accept unlimited nesting and lone surrogates.
    let read = traced::<Value>(body).and_then(|()| traced::<Object<T>>(body));
    // If both succeed, the error is in what follows the object.
    read.err()
        .unwrap_or_else(|| invalid("", &error.to_string()))
}

/// Whether `body` begins with a `T`, or where it does not.
fn traced<T: DeserializeOwned>(body: &[u8]) -> Result<(), Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize::<_, T>(&mut json);
    read.map(drop).map_err(|error| {
        let reason = error.inner().to_string();
        let mut place = String::new();
        if error.inner().is_data() {
            place = pointer(error.path());
            // serde reports a duplicate field at its object, and names it in the message.
            let duplicate = reason.strip_prefix("duplicate field `");
            if let Some((name, _)) = duplicate.and_then(|rest| rest.split_once('`')) {
                place = format!("{place}/{name}");
            }
        }
        invalid(&place, &reason)
    })
}

/// The problem of a body with an error at `pointer`.
pub fn invalid(pointer: &str, reason: &str) -> Problem {
    Problem::new(Kind::InvalidBody, format!("Invalid body: {reason}."))
        .with("errors", json!([{ "pointer": pointer, "detail": reason }]))
}

/// The JSON pointer (RFC 6901) to a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// A `T` that must be a JSON object. serde would accept an array for a struct as well.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

impl<T: JsonSchema> JsonSchema for Object<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A number of units: an integer that is not negative. Larger numbers than `u32` saturate, so that
/// they exceed the limit instead of being malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct Quantity(#[schemars(range(min = 0, max = 999))] pub u32);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;

        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an integer without sign, fraction or exponent")
            }

            fn visit_u64<E>(self, whole: u64) -> Result<Quantity, E> {
                Ok(Quantity(u32::try_from(whole).unwrap_or(u32::MAX)))
            }
        }

        deserializer.deserialize_u64(QuantityVisitor)
    }
}

/// A [`Quantity`] of at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct AtLeastOne(#[schemars(range(min = 1, max = 999))] pub u32);

impl<'de> Deserialize<'de> for AtLeastOne {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Quantity::deserialize(deserializer)? {
            Quantity(0) => Err(serde::de::Error::custom("quantity must be at least 1")),
            Quantity(quantity) => Ok(AtLeastOne(quantity)),
        }
    }
}

#[cfg(test)]
mod tests;
