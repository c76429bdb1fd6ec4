//! The limits of a cart.

use crate::fixtures::*;
use cartlog::cart::{CartCommand, Limits, Offer, Refusal};

fn few(lines: usize, units: u32, events: u64) -> Limits {
    Limits {
        lines,
        units,
        events,
    }
}

fn at_most(max: u32) -> Offer {
    Offer {
        max_per_cart: Some(max),
        ..offer("tea", 100)
    }
}

#[test]
fn line_quantity_is_limited_by_setting_and_by_product() {
    let ten = few(100, 10, 1_000);
    for (offer, max) in [(offer("tea", 100), 10), (at_most(3), 3), (at_most(999), 10)] {
        let refusal = || Refusal::TooManyUnits {
            name: "TEA".into(),
            max,
        };
        let one = given_under(ten, &[opened(), added("tea", 1, 100)]);
        one.when(&add(offer.clone(), max - 1))
            .then(&[added("tea", max - 1, 100)]);
        one.when(&add(offer.clone(), max)).then_refused(refusal());
        one.when(&add(offer.clone(), u32::MAX))
            .then_refused(refusal());
        one.when(&set(offer.clone(), max))
            .then(&[added("tea", max - 1, 100)]);
        one.when(&set(offer.clone(), max + 1))
            .then_refused(refusal());
        let none = given_under(ten, &[]);
        none.when(&open(&[(offer.clone(), max), (offer.clone(), 1)]))
            .then_refused(refusal());
        none.when(&open(&[(offer.clone(), u32::MAX), (offer, u32::MAX)]))
            .then_refused(refusal());
    }
}

#[test]
fn line_count_is_limited_and_removal_frees_a_line() {
    let two = few(2, 999, 1_000);
    let refusal = || Refusal::TooManyLines { max: 2 };
    let full = given_under(two, &[opened(), added("tea", 1, 1), added("mug", 1, 1)]);
    full.when(&add(offer("pot", 1), 1)).then_refused(refusal());
    full.when(&set(offer("pot", 1), 1)).then_refused(refusal());
    full.when(&add(offer("mug", 1), 1))
        .then(&[added("mug", 1, 1)]);
    given_under(two, &[])
        .when(&open(&[
            (offer("tea", 1), 1),
            (offer("mug", 1), 1),
            (offer("pot", 1), 1),
        ]))
        .then_refused(refusal());
    given_under(two, &[])
        .when(&open(&[(offer("tea", 1), 1), (offer("mug", 1), 1)]))
        .then(&[opened(), added("tea", 1, 1), added("mug", 1, 1)]);
    full.and(&remove("tea"))
        .when(&add(offer("pot", 1), 1))
        .then(&[added("pot", 1, 1)]);
}

#[test]
fn total_beyond_i64_is_refused() {
    let half = i64::MAX / 2;
    let rich = given(&[opened(), added("tea", 1, half)]);
    for (offer, quantity) in [
        (offer("mug", half), 2),
        (offer("mug", half), 999),
        (offer("mug", i64::MAX), 1),
        (offer("tea", half), 2),
    ] {
        rich.when(&add(offer.clone(), quantity))
            .then_refused(Refusal::TotalTooLarge);
        given(&[])
            .when(&open(&[(self::offer("pot", half), 1), (offer, quantity)]))
            .then_refused(Refusal::TotalTooLarge);
    }
    rich.when(&add(offer("mug", half), 1))
        .then(&[added("mug", 1, half)]);
}

#[test]
fn last_event_is_reserved_for_closing_the_cart() {
    let four = few(100, 999, 4);
    let refusal = || Refusal::TooManyEvents { max: 4 };
    let full = given_under(four, &[opened(), added("tea", 1, 100), added("mug", 1, 50)]);
    for command in [
        add(offer("tea", 100), 1),
        remove("tea"),
        CartCommand::ClearCart,
        apply(tenth_off()),
        CartCommand::Undo,
    ] {
        full.when(&command).then_refused(refusal());
    }
    full.when(&set(offer("tea", 100), 1)).then_nothing();
    full.when(&check_out(150)).then(&[checked_out(150, 0)]);
    full.when(&CartCommand::Expire {
        idle_since: time(3),
    })
    .then(&[expired(time(3))]);
    given_under(four, &[opened(), added("tea", 1, 100)])
        .when(&add(offer("tea", 100), 1))
        .then(&[added("tea", 1, 100)]);
    given_under(four, &[])
        .when(&open(&[
            (offer("tea", 1), 1),
            (offer("mug", 1), 1),
            (offer("pot", 1), 1),
        ]))
        .then_refused(refusal());
}

#[test]
fn command_exceeding_event_limit_writes_no_events() {
    let six = few(100, 999, 6);
    given_under(
        six,
        &[
            opened(),
            added("tea", 1, 1),
            added("mug", 1, 1),
            added("pot", 1, 1),
        ],
    )
    .when(&CartCommand::ClearCart)
    .then_refused(Refusal::TooManyEvents { max: 6 });
}
