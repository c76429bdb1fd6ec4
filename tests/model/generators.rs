//! Generators: commands on an open cart, command sequences, and arbitrary events, including those
//! that `decide` would never write.

use crate::fixtures::*;
use cartlog::cart::event::{CartCheckedOut, CartExpired, CartOpened, PromotionRemoved, Units};
use cartlog::cart::{CartCommand, CartEvent, Currency, Money, Offer, Promotion, Terms};
use cartlog::decider::DecodedEvent;
use cartlog::timestamp::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

pub const SKUS: [&str; 5] = ["tea", "mug", "pot", "cup", "tin"];

/// The product's own limit. It does not depend on the price.
pub fn own_limit(name: &str) -> Option<u32> {
    match name {
        "tea" => Some(4),
        "mug" => Some(50),
        _ => None,
    }
}

prop_compose! {
    /// One of five products at one of five prices, so that prices change between commands.
    pub fn offers()(
        name in prop::sample::select(&SKUS[..]),
        price in prop::sample::select(&[0i64, 1, 99, 100, 1_999][..]),
    ) -> Offer {
        Offer { max_per_cart: own_limit(name), ..offer(name, price) }
    }
}

fn promotions() -> impl Strategy<Value = Promotion> {
    prop_oneof![
        (1u8..=100).prop_map(|percent| promotion("PERCENT", Terms::Percent(percent))),
        (1i64..=5_000).prop_map(|amount| promotion("AMOUNT", Terms::Amount(money(amount)))),
    ]
}

/// Commands on an open cart, with quantities beyond the limits.
pub fn open_cart_commands() -> impl Strategy<Value = CartCommand> {
    prop_oneof![
        6 => (offers(), 0u32..=6).prop_map(|(offer, quantity)| add(offer, quantity)),
        4 => (offers(), 0u32..=12).prop_map(|(offer, quantity)| set(offer, quantity)),
        1 => (offers(), 0u32..=6).prop_map(|(offer, quantity)| {
            CartCommand::SetQuantity(not_sold(&offer.sku, quantity))
        }),
        2 => prop::sample::select(&SKUS[..]).prop_map(remove),
        1 => Just(CartCommand::ClearCart),
        2 => promotions().prop_map(apply),
        1 => Just(CartCommand::RemovePromotion),
        3 => Just(CartCommand::Undo),
    ]
}

/// A command that opens a cart, followed by up to 39 commands on it.
pub fn command_sequences() -> impl Strategy<Value = Vec<CartCommand>> {
    let openings = vec((offers(), 1u32..=2), 0..=2).prop_map(|items| open(&items));
    (openings, vec(open_cart_commands(), 0..40)).prop_map(|(open, open_cart_commands)| {
        let mut commands = vec![open];
        commands.extend(open_cart_commands);
        commands
    })
}

/// Units with arbitrary quantities and prices, often the limits of their types.
fn any_units() -> impl Strategy<Value = Units> {
    let quantities = prop_oneof![0u32..5, Just(u32::MAX), any::<u32>()];
    let prices = prop_oneof![Just(100), Just(i64::MAX), Just(i64::MIN), any::<i64>()];
    (prop::sample::select(&SKUS[..2]), quantities, prices)
        .prop_map(|(name, quantity, price)| units(name, quantity, price))
}

fn any_events() -> impl Strategy<Value = CartEvent> {
    let times = || any::<i64>().prop_map(Timestamp::from_millis);
    let terms = prop_oneof![
        any::<u8>().prop_map(Terms::Percent),
        any::<i64>().prop_map(|amount| Terms::Amount(Money::from_minor(amount))),
    ];
    prop_oneof![
        2 => any::<[u8; 32]>().prop_map(|token_hash| CartEvent::CartOpened(CartOpened {
            currency: Currency::EUR,
            token_hash,
        })),
        4 => any_units().prop_map(CartEvent::ItemAdded),
        4 => any_units().prop_map(CartEvent::ItemRemoved),
        2 => (".{0,8}", terms).prop_map(|(code, terms)| {
            CartEvent::PromotionApplied(promotion(&code, terms))
        }),
        1 => ".{0,8}".prop_map(|code| CartEvent::PromotionRemoved(PromotionRemoved { code })),
        1 => any::<[i64; 3]>().prop_map(|amounts| CartEvent::CartCheckedOut(CartCheckedOut {
            order_id: ORDER,
            items_total: money(amounts[0]),
            discount: money(amounts[1]),
            total: money(amounts[2]),
            withdrawn: None,
            order_follows: false,
        })),
        1 => times().prop_map(|idle_since| CartEvent::CartExpired(CartExpired { idle_since })),
    ]
}

/// Events of any type in any order, written by arbitrary and recurring commands.
pub fn arbitrary_events() -> impl Strategy<Value = DecodedEvent<CartEvent>> {
    (
        any_events(),
        0u64..=20_000,
        any::<i64>(),
        prop::sample::select(&["add_item", "undo", "open_cart", "", "checkout"][..]),
        0u128..4,
    )
        .prop_map(|(event, version, millis, command, id)| DecodedEvent {
            version,
            at: Timestamp::from_millis(millis),
            command: command.to_owned(),
            command_id: Uuid::from_u128(id),
            event,
        })
}
