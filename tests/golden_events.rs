//! The storage format of events. Each golden file holds the exact bytes of one event type and
//! schema version. A changed format needs a higher schema version, and the old file must still
//! decode.

use cartlog::cart::event::{
    CartCheckedOut, CartExpired, CartOpened, PromotionRemoved, Units, Withdrawn,
};
use cartlog::cart::state::Lot;
use cartlog::cart::{CartEvent, Currency, Money, Promotion, Sku, Terms};
use cartlog::decider::{Event, UnreadableEvent};
use cartlog::models::ModelEvent;
use cartlog::orders::OrderEvent;
use cartlog::orders::event::{
    CancelReason, OrderCancelled, OrderConfirmed, OrderLine, OrderPlaced, OrderRefused,
    OrderReserved,
};
use cartlog::timestamp::Timestamp;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use uuid::Uuid;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/events")
}

fn cart_samples() -> Vec<(&'static str, CartEvent)> {
    let units = || Units {
        sku: Sku::parse("teapot").unwrap(),
        name: "Teapot “Ōtani”".into(),
        quantity: 2,
        unit_price: Money::from_minor(1_999),
    };
    let promotion = |terms| Promotion {
        code: "TEA10".into(),
        description: "10 % off".into(),
        terms,
    };
    vec![
        (
            "CartOpened.v2",
            CartEvent::CartOpened(CartOpened {
                currency: Currency::EUR,
                token_hash: std::array::from_fn(|index| u8::try_from(index * 8).unwrap()),
            }),
        ),
        ("ItemAdded.v1", CartEvent::ItemAdded(units())),
        ("ItemRemoved.v1", CartEvent::ItemRemoved(units())),
        (
            "PromotionApplied.v1",
            CartEvent::PromotionApplied(promotion(Terms::Percent(10))),
        ),
        (
            "PromotionApplied.v1.amount",
            CartEvent::PromotionApplied(promotion(Terms::Amount(Money::from_minor(500)))),
        ),
        (
            "PromotionRemoved.v1",
            CartEvent::PromotionRemoved(PromotionRemoved {
                code: "TEA10".into(),
            }),
        ),
        (
            "CartCheckedOut.v1",
            CartEvent::CartCheckedOut(CartCheckedOut {
                order_id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
                items_total: Money::from_minor(5_797),
                discount: Money::from_minor(580),
                total: Money::from_minor(5_217),
                withdrawn: None,
                order_follows: false,
            }),
        ),
        (
            "CartCheckedOut.v1.withdrawn",
            CartEvent::CartCheckedOut(CartCheckedOut {
                order_id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
                items_total: Money::from_minor(5_797),
                discount: Money::from_minor(580),
                total: Money::from_minor(5_217),
                withdrawn: Some(Withdrawn {
                    skus: vec![Sku::parse("teapot").unwrap()],
                    promotion: Some("TEA10".into()),
                }),
                order_follows: false,
            }),
        ),
        (
            "CartCheckedOut.v1.order",
            CartEvent::CartCheckedOut(CartCheckedOut {
                order_id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001),
                items_total: Money::from_minor(5_797),
                discount: Money::from_minor(580),
                total: Money::from_minor(5_217),
                withdrawn: None,
                order_follows: true,
            }),
        ),
        (
            "CartExpired.v1",
            CartEvent::CartExpired(CartExpired {
                idle_since: Timestamp::from_millis(1_795_426_200_123),
            }),
        ),
    ]
}

fn order_samples() -> Vec<(&'static str, OrderEvent)> {
    let sku = || Sku::parse("teapot").unwrap();
    let placed = OrderPlaced {
        cart_id: Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0002),
        currency: Currency::EUR,
        lines: vec![OrderLine {
            sku: sku(),
            name: "Teapot “Ōtani”".into(),
            lots: vec![Lot {
                quantity: 2,
                unit_price: Money::from_minor(1_999),
            }],
        }],
        promotion: None,
        items_total: Money::from_minor(3_998),
        discount: Money::ZERO,
        total: Money::from_minor(3_998),
        withdrawn: None,
        reserve_by: None,
    };
    let asked = OrderPlaced {
        promotion: Some("TEA10".into()),
        discount: Money::from_minor(400),
        total: Money::from_minor(3_598),
        withdrawn: Some(Withdrawn {
            skus: vec![sku()],
            promotion: None,
        }),
        reserve_by: Some(Timestamp::from_millis(1_795_426_200_123)),
        ..placed.clone()
    };
    vec![
        ("OrderPlaced.v1", OrderEvent::OrderPlaced(placed)),
        ("OrderPlaced.v1.asked", OrderEvent::OrderPlaced(asked)),
        (
            "OrderReserved.v1",
            OrderEvent::OrderReserved(OrderReserved {}),
        ),
        (
            "OrderRefused.v1",
            OrderEvent::OrderRefused(OrderRefused {
                message: "The teapot is sold out.".into(),
                skus: vec![sku()],
            }),
        ),
        (
            "OrderConfirmed.v1",
            OrderEvent::OrderConfirmed(OrderConfirmed {}),
        ),
        (
            "OrderCancelled.v1",
            OrderEvent::OrderCancelled(OrderCancelled {
                reason: CancelReason::Refused,
                message: "The teapot is sold out.".into(),
            }),
        ),
        (
            "OrderCancelled.v1.timed_out",
            OrderEvent::OrderCancelled(OrderCancelled {
                reason: CancelReason::TimedOut,
                message: "The warehouse did not answer in time.".into(),
            }),
        ),
    ]
}

/// An event of each model, type and shape, with the name of its golden file.
fn samples() -> Vec<(&'static str, ModelEvent)> {
    let carts = cart_samples().into_iter();
    let orders = order_samples().into_iter();
    carts
        .map(|(file, event)| (file, ModelEvent::Cart(event)))
        .chain(orders.map(|(file, event)| (file, ModelEvent::Order(event))))
        .collect()
}

/// Numbers the event types. A new type must be added here, with a sample and a golden file.
fn number(event: &ModelEvent) -> usize {
    match event {
        ModelEvent::Cart(event) => cart_number(event),
        ModelEvent::Order(event) => match event {
            OrderEvent::OrderPlaced(_) => 7,
            OrderEvent::OrderReserved(_) => 8,
            OrderEvent::OrderRefused(_) => 9,
            OrderEvent::OrderConfirmed(_) => 10,
            OrderEvent::OrderCancelled(_) => 11,
        },
    }
}

fn cart_number(event: &CartEvent) -> usize {
    match event {
        CartEvent::CartOpened(_) => 0,
        CartEvent::ItemAdded(_) => 1,
        CartEvent::ItemRemoved(_) => 2,
        CartEvent::PromotionApplied(_) => 3,
        CartEvent::PromotionRemoved(_) => 4,
        CartEvent::CartCheckedOut(_) => 5,
        CartEvent::CartExpired(_) => 6,
    }
}

#[test]
fn every_event_type_has_a_sample_named_after_it() {
    let seen: BTreeSet<usize> = samples().iter().map(|(_, event)| number(event)).collect();
    assert_eq!(seen, (0..12).collect());
    let named: BTreeSet<&str> = samples().iter().map(|(_, event)| event.name()).collect();
    assert_eq!(named, ModelEvent::NAMES.iter().copied().collect());
    for (file, event) in samples() {
        let named = format!("{}.v{}", event.name(), event.schema());
        let shape = file
            .strip_prefix(&named)
            .expect("the event's name and schema");
        assert!(shape.is_empty() || shape.starts_with('.'), "{file}");
    }
}

#[test]
fn encoded_events_match_golden_files() {
    for (file, event) in samples() {
        let path = folder().join(format!("{file}.json"));
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!(
                "{}: {error}; it should hold {}",
                path.display(),
                event.data()
            )
        });
        assert_eq!(golden, format!("{}\n", event.data()), "{file}");
    }
}

#[test]
fn every_released_shape_still_decodes() {
    let mut files = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let mut parts = stem.split('.');
        let name = parts.next().unwrap();
        let schema = parts.next().and_then(|part| part.strip_prefix('v'));
        let schema: u32 = schema.expect("a schema version").parse().unwrap();
        let event = ModelEvent::read(name, schema, text.trim_end()).unwrap();
        assert_eq!(event.name(), name);
        if let Some((_, sample)) = samples().iter().find(|(file, _)| *file == stem) {
            assert_eq!(event, *sample, "{stem}");
        }
        files += 1;
    }
    assert_eq!(files, samples().len() + OLD.len());
}

/// Golden files of old schemas, each with the file of the same event in the current schema.
const OLD: [(&str, &str); 1] = [("CartOpened.v1", "CartOpened.v2")];

/// Contract (records): Events of an old schema are upcast.
#[test]
fn old_schemas_are_upcast_to_the_current_event() {
    for (old, current) in OLD {
        let (name, schema) = old.split_once(".v").unwrap();
        let text = std::fs::read_to_string(folder().join(format!("{old}.json"))).unwrap();
        let event = ModelEvent::read(name, schema.parse().unwrap(), text.trim_end()).unwrap();
        let samples = samples();
        let (_, sample) = samples.iter().find(|(file, _)| *file == current).unwrap();
        assert_eq!(event, *sample, "{old}");
        let current = std::fs::read_to_string(folder().join(format!("{current}.json"))).unwrap();
        assert_eq!(format!("{}\n", event.data()), current, "{old}");
        assert_ne!(text, current, "{old} has a different shape");
    }
}

#[test]
fn shape_decodes_only_under_its_own_schema() {
    let shape = |file: &str| std::fs::read_to_string(folder().join(file)).unwrap();
    for (schema, file) in [(1, "CartOpened.v2.json"), (2, "CartOpened.v1.json")] {
        let read = ModelEvent::read("CartOpened", schema, shape(file).trim_end());
        assert!(
            matches!(read, Err(UnreadableEvent::Malformed { .. })),
            "{file} as {schema}: {read:?}"
        );
    }
}

#[test]
fn unknown_event_name_or_schema_is_refused() {
    for (name, schema) in [
        ("ItemAdded", 2),
        ("CartOpened", 3),
        ("ItemAdded", 0),
        ("ItemLost", 1),
        ("OrderPlaced", 2),
        ("", 1),
    ] {
        assert_eq!(
            ModelEvent::read(name, schema, "{}"),
            Err(UnreadableEvent::Unknown {
                name: name.into(),
                schema
            })
        );
    }
    for data in [
        "",
        "{}",
        "[]",
        r#"{"sku":"teapot","name":"T","quantity":-1,"unit_price":1}"#,
    ] {
        let read = ModelEvent::read("ItemAdded", 1, data);
        assert!(
            matches!(read, Err(UnreadableEvent::Malformed { .. })),
            "{data}"
        );
    }
}
