//! Any body is decoded as a walk over plain JSON decodes it, or refused with a pointer.

use super::*;
use crate::cart::Sku;
use cartlog_testkit::seed::seeded;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashSet;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: Sku,
    quantity: AtLeastOne,
}

/// One of each building block of bodies.
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

/// Decodes an order by walking plain JSON; `None` if it is not an order.
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

/// JSON text, in which an object may have duplicate fields.
#[derive(Debug, Clone)]
enum Written {
    /// A scalar, as text.
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

/// Orders, most of them nearly valid.
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

/// A refused body gets 400 with a pointer. The pointer exists in the body, unless a field is
/// duplicated: plain JSON keeps only one.
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

proptest! {
    #![proptest_config(seeded(4_096))]

    #[test]
    fn order_is_decoded_like_plain_json(order in orders()) {
        agrees(order.text().as_bytes(), Some(order.repeats()))?;
    }

    /// Promise (input): A body is decoded as a plain JSON reader decodes it, or refused with a
    /// pointer.
    /// Fault: Valid bodies with members missing, repeated, misnamed and of another type
    /// Control: The plain reader, which shares no code with the decoder, agrees with it in each
    /// case.
    #[test]
    fn mutated_order_is_decoded_correctly_or_refused(
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

    /// Promise (input): A body is decoded as a plain JSON reader decodes it, or refused with a
    /// pointer.
    /// Fault: Random bytes
    #[test]
    fn arbitrary_bytes_are_decoded_correctly_or_refused(body in vec(any::<u8>(), 0..64)) {
        agrees(&body, None)?;
    }
}

#[test]
fn duplicate_field_is_pointed_at() {
    let twice = br#"{"total":1,"items":[{"sku":"a","quantity":1,"sku":"b"}]}"#;
    let Err(problem) = decode::<Order>(twice) else {
        panic!("must be refused");
    };
    let answer = problem.document("");
    assert_eq!(answer["errors"][0]["pointer"], "/items/0/sku");
}
