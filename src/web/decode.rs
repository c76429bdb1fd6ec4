//! What a body says: JSON read strictly, with a pointer to what is wrong.

use super::problem::{Kind, Problem};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::marker::PhantomData;

/// Reads `body` as one JSON object that is a `T`, or says where it is not.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    match serde_json::from_slice::<Object<T>>(body) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(explain::<T>(body, &error)),
    }
}

/// Reads a refused body once more, this time noting the path to the mistake: first whether it is
/// JSON at all, then whether it is a `T`.
fn explain<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    let read = traced::<Unrepeated>(body).and_then(|()| traced::<Object<T>>(body));
    // Without a mistake in it, it is what stands behind it.
    read.err()
        .unwrap_or_else(|| invalid("", &error.to_string()))
}

/// Whether `body` begins with a `T`, or where it does not.
fn traced<T: DeserializeOwned>(body: &[u8]) -> Result<(), Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = serde_path_to_error::deserialize::<_, T>(&mut json);
    read.map(drop).map_err(|mistake| {
        let is_data = mistake.inner().is_data();
        let place = if is_data {
            pointer(mistake.path())
        } else {
            String::new()
        };
        invalid(&place, &mistake.inner().to_string())
    })
}

/// The problem of a body that is wrong at `pointer`.
pub fn invalid(pointer: &str, reason: &str) -> Problem {
    Problem::new(
        Kind::InvalidBody,
        format!("The body cannot be used: {reason}."),
    )
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

/// A `T` that stands as a JSON object, never as the array that serde takes for a struct too.
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

/// Any JSON, unless an object in it has two members of one name: of these one program reads the
/// first and another the last (RFC 8259, 4).
struct Unrepeated;

impl<'de> Deserialize<'de> for Unrepeated {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnrepeatedVisitor)
    }
}

struct UnrepeatedVisitor;

impl<'de> Visitor<'de> for UnrepeatedVisitor {
    type Value = Unrepeated;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_str<E>(self, _: &str) -> Result<Unrepeated, E> {
        Ok(Unrepeated)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Unrepeated, A::Error> {
        while items.next_element::<Unrepeated>()?.is_some() {}
        Ok(Unrepeated)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Unrepeated, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if names.insert(name) {
                members.next_value::<Unrepeated>()?;
            } else {
                members.next_value::<Repeated>()?;
            }
        }
        Ok(Unrepeated)
    }
}

/// The value of a member whose name was there before: refused in its own place, which the path to
/// the mistake then leads to.
struct Repeated;

impl<'de> Deserialize<'de> for Repeated {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Err(serde::de::Error::custom(
            "a member of this name was there already",
        ))
    }
}

/// A number of units in a body: whole and not negative. What no cart could ever hold is read as the
/// largest number, so that it is refused as too many and not as unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(inline)]
pub struct Quantity(#[schemars(range(min = 0, max = 999))] pub u32);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct QuantityVisitor;

        impl Visitor<'_> for QuantityVisitor {
            type Value = Quantity;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of units, without a sign, fraction or exponent")
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
            Quantity(0) => Err(serde::de::Error::custom(
                "a quantity of at least 1 is expected",
            )),
            Quantity(quantity) => Ok(AtLeastOne(quantity)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cart::Sku;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use serde_json::Value;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        sku: Sku,
        quantity: AtLeastOne,
    }

    /// One of everything that bodies are made of.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[serde(default)]
        items: Vec<Object<Line>>,
        set: Option<Quantity>,
        total: i64,
    }

    type Read = (Vec<(String, u32)>, Option<u32>, i64);

    impl Order {
        fn read(self) -> Read {
            let items = self.items.into_iter();
            let items = items.map(|Object(line)| (line.sku.as_str().to_owned(), line.quantity.0));
            (items.collect(), self.set.map(|set| set.0), self.total)
        }
    }

    /// What an order says, by walking plain JSON, or `None` if it is no order.
    fn walk(document: &Value) -> Option<Read> {
        let units = |value: &Value| Some(u32::try_from(value.as_u64()?).unwrap_or(u32::MAX));
        let members = |value: &Value, known: &[&str]| {
            let members = value.as_object()?;
            let all = members.keys().all(|name| known.contains(&name.as_str()));
            all.then(|| members.clone())
        };
        let order = members(document, &["items", "set", "total"])?;
        let line = |line: &Value| {
            let line = members(line, &["sku", "quantity"])?;
            let sku = Sku::parse(line.get("sku")?.as_str()?).ok()?;
            let quantity = units(line.get("quantity")?)?;
            (quantity > 0).then(|| (sku.as_str().to_owned(), quantity))
        };
        let items = match order.get("items") {
            None => Vec::new(),
            Some(items) => items.as_array()?.iter().map(line).collect::<Option<_>>()?,
        };
        let set = match order.get("set") {
            None | Some(Value::Null) => None,
            Some(set) => Some(units(set)?),
        };
        Some((items, set, order.get("total")?.as_i64()?))
    }

    /// JSON as it is written, in which an object may have two members of one name.
    #[derive(Debug, Clone)]
    enum Written {
        /// What is no object and no array, as text.
        Plain(&'static str),
        Array(Vec<Written>),
        Object(Vec<(&'static str, Written)>),
    }

    impl Written {
        fn text(&self) -> String {
            match self {
                Written::Plain(text) => (*text).to_owned(),
                Written::Array(items) => {
                    let items: Vec<String> = items.iter().map(Written::text).collect();
                    format!("[{}]", items.join(", "))
                }
                Written::Object(members) => {
                    let member =
                        |(name, value): &(&str, Written)| format!("\"{name}\":{}", value.text());
                    let members: Vec<String> = members.iter().map(member).collect();
                    format!("{{{}}}", members.join(","))
                }
            }
        }

        fn repeats(&self) -> bool {
            match self {
                Written::Plain(_) => false,
                Written::Array(items) => items.iter().any(Written::repeats),
                Written::Object(members) => {
                    let names: HashSet<&str> = members.iter().map(|(name, _)| *name).collect();
                    names.len() < members.len() || members.iter().any(|(_, value)| value.repeats())
                }
            }
        }
    }

    const PLAIN: &[&str] = &[
        "0",
        "1",
        "2",
        "999",
        "-1",
        "-0",
        "1.0",
        "1e2",
        "1E400",
        "4294967296",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "null",
        "true",
        "\"\"",
        "\"1\"",
        "\"teapot\"",
        "\"te\\u0061pot\"",
        "\"tea\\u0000pot\"",
        "\"tea pot\"",
        "\"\\ud800\"",
    ];

    fn plain() -> impl Strategy<Value = Written> {
        prop::sample::select(PLAIN).prop_map(Written::Plain)
    }

    /// Orders, most of them nearly sound.
    fn orders() -> impl Strategy<Value = Written> {
        let quantity = prop_oneof![3 => Just(Written::Plain("2")), 1 => plain()];
        let sku = prop_oneof![3 => Just(Written::Plain("\"teapot\"")), 1 => plain()];
        let member = prop_oneof![
            6 => sku.prop_map(|sku| ("sku", sku)),
            6 => quantity.prop_map(|quantity| ("quantity", quantity)),
            1 => plain().prop_map(|value| ("pr/ce~", value)),
        ];
        let line = prop_oneof![
            8 => vec(member, 2..=3).prop_map(Written::Object),
            1 => vec(plain(), 0..3).prop_map(Written::Array),
            1 => plain(),
        ];
        let items = prop_oneof![
            8 => vec(line, 0..3).prop_map(Written::Array),
            1 => plain(),
        ];
        let member = prop_oneof![
            2 => items.prop_map(|items| ("items", items)),
            2 => plain().prop_map(|set| ("set", set)),
            4 => Just(("total", Written::Plain("5797"))),
            1 => plain().prop_map(|total| ("total", total)),
            1 => plain().prop_map(|value| ("", value)),
        ];
        prop_oneof![
            9 => vec(member, 1..=3).prop_map(Written::Object),
            1 => vec(plain(), 0..3).prop_map(Written::Array),
        ]
    }

    /// The refusal of a body is a 400 with a pointer. Unless a name is there twice, of which plain
    /// JSON keeps one, it is a pointer to a place that the body has.
    fn refuses(body: &[u8], repeats: Option<bool>, problem: &Problem) -> Result<(), TestCaseError> {
        prop_assert_eq!(problem.kind(), Kind::InvalidBody);
        let answer = problem.document("");
        let pointer = answer.pointer("/errors/0/pointer").and_then(Value::as_str);
        let pointer = pointer.ok_or_else(|| TestCaseError::fail("a pointer"))?;
        if repeats == Some(false)
            && let Ok(document) = serde_json::from_slice::<Value>(body)
        {
            prop_assert!(
                document.pointer(pointer).is_some(),
                "{} in {}",
                pointer,
                document
            );
        }
        Ok(())
    }

    fn agrees(body: &[u8], repeats: Option<bool>) -> Result<(), TestCaseError> {
        let walked = serde_json::from_slice::<Value>(body).ok();
        let walked = walked.as_ref().and_then(walk);
        match decode::<Order>(body) {
            Ok(order) => {
                prop_assert_ne!(repeats, Some(true));
                prop_assert_eq!(Some(order.read()), walked);
            }
            Err(problem) => {
                refuses(body, repeats, &problem)?;
                prop_assert!(walked.is_none() || repeats != Some(false), "{}", problem);
            }
        }
        Ok(())
    }

    /// The same cases each time, unless PROPTEST_RNG_SEED asks for others.
    fn config() -> ProptestConfig {
        let config = ProptestConfig::with_cases(4_096);
        ProptestConfig {
            rng_seed: match config.rng_seed {
                RngSeed::Random => RngSeed::Fixed(2026),
                RngSeed::Fixed(seed) => RngSeed::Fixed(seed),
            },
            failure_persistence: None,
            ..config
        }
    }

    proptest! {
        #![proptest_config(config())]

        #[test]
        fn an_order_is_read_as_a_walk_over_plain_json_reads_it(order in orders()) {
            agrees(order.text().as_bytes(), Some(order.repeats()))?;
        }

        #[test]
        fn whatever_is_done_to_an_order_it_is_read_right_or_refused(
            order in orders(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..4),
        ) {
            let mut body = order.text().into_bytes();
            for (place, byte, change) in changes {
                let place = place.index(body.len().max(1));
                match change {
                    0 => body.truncate(place),
                    1 => body.insert(place.min(body.len()), byte),
                    _ => if let Some(there) = body.get_mut(place) { *there = byte },
                }
            }
            agrees(&body, None)?;
        }

        #[test]
        fn any_bytes_are_read_right_or_refused(body in vec(any::<u8>(), 0..64)) {
            agrees(&body, None)?;
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_pointed_at() {
        let twice = br#"{"total":1,"items":[{"sku":"a","quantity":1,"sku":"b"}]}"#;
        let Err(problem) = decode::<Order>(twice) else {
            panic!("it is read");
        };
        let answer = problem.document("");
        assert_eq!(answer["errors"][0]["pointer"], "/items/0/sku");
    }
}
