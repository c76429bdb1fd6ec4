//! Given what has happened, when a command comes, then these events follow, or that refusal.

use crate::cast::*;
use cartlog::cart::explain;
use cartlog::cart::sentence::sentence;
use cartlog::cart::{CartCommand, CartModel, Currency, Limits, Offer, Refusal, Terms};
use cartlog::decider::Decider;

fn every_command() -> Vec<CartCommand> {
    vec![
        add(offer("tea", 100), 1),
        set(offer("tea", 100), 2),
        remove("tea"),
        CartCommand::ClearCart,
        CartCommand::ApplyPromotion(tenth_off()),
        CartCommand::RemovePromotion,
        CartCommand::Undo,
        check_out(100),
        CartCommand::Expire {
            idle_since: time(2),
        },
    ]
}

#[test]
fn a_cart_is_opened_empty_or_with_items() {
    given(&[]).when(&open(&[])).then(&[opened()]);
    given(&[])
        .when(&open(&[(offer("tea", 100), 2), (offer("mug", 50), 1)]))
        .then(&[opened(), added("tea", 2, 100), added("mug", 1, 50)]);
}

#[test]
fn items_that_a_cart_is_opened_with_twice_are_one_line() {
    given(&[])
        .when(&open(&[
            (offer("tea", 100), 2),
            (offer("mug", 50), 1),
            (offer("tea", 100), 3),
        ]))
        .then(&[opened(), added("tea", 5, 100), added("mug", 1, 50)]);
}

#[test]
fn a_cart_is_opened_once() {
    for history in [
        vec![opened()],
        vec![opened(), added("tea", 1, 100), checked_out(100, 0)],
        vec![opened(), expired(time(1))],
    ] {
        given(&history)
            .when(&open(&[]))
            .then_refused(Refusal::AlreadyOpened);
    }
}

#[test]
fn nothing_happens_to_a_cart_that_was_never_opened() {
    for command in every_command() {
        given(&[]).when(&command).then_refused(Refusal::NotOpened);
    }
}

#[test]
fn nothing_happens_to_a_cart_that_was_checked_out() {
    let paid = given(&[opened(), added("tea", 1, 100), checked_out(100, 0)]);
    for command in every_command() {
        paid.when(&command)
            .then_refused(Refusal::CheckedOut { order_id: ORDER });
    }
}

#[test]
fn nothing_happens_to_a_cart_that_expired() {
    let expired = given(&[opened(), added("tea", 1, 100), expired(time(2))]);
    for command in every_command() {
        expired.when(&command).then_refused(Refusal::Expired);
    }
}

#[test]
fn an_item_is_added_at_the_price_of_the_offer() {
    given(&[opened(), added("tea", 1, 90)])
        .when(&add(offer("tea", 100), 2))
        .then(&[added("tea", 2, 100)]);
}

#[test]
fn no_units_are_no_addition() {
    given(&[opened()])
        .when(&add(offer("tea", 100), 0))
        .then_refused(Refusal::NoQuantity);
    given(&[])
        .when(&open(&[(offer("tea", 100), 0)]))
        .then_refused(Refusal::NoQuantity);
}

#[test]
fn a_quantity_is_set_by_adding_what_is_missing_or_removing_what_is_too_much() {
    let three = given(&[opened(), added("tea", 3, 100)]);
    let events = |quantity| three.when(&set(offer("tea", 120), quantity));
    events(5).then(&[added("tea", 2, 120)]);
    events(1).then(&[removed("tea", 2, 100)]);
    events(0).then(&[removed("tea", 3, 100)]);
    events(3).then_nothing();
    three
        .when(&set(offer("mug", 50), 2))
        .then(&[added("mug", 2, 50)]);
    three.when(&set(offer("mug", 50), 0)).then_nothing();
}

#[test]
fn the_quantity_of_what_has_left_the_shop_can_be_lowered_and_not_raised() {
    let two = given(&[opened(), added("tea", 2, 100)]);
    let set = |quantity| CartCommand::SetQuantity {
        sku: sku("tea"),
        quantity,
        offer: None,
    };
    two.when(&set(1)).then(&[removed("tea", 1, 100)]);
    two.when(&set(2)).then_nothing();
    two.when(&set(3))
        .then_refused(Refusal::UnknownSku { sku: sku("tea") });
}

#[test]
fn the_newest_units_are_removed_first_each_at_the_price_it_was_added_at() {
    let lots = given(&[
        opened(),
        added("tea", 2, 100),
        added("tea", 3, 120),
        added("tea", 1, 100),
    ]);
    lots.when(&set(offer("tea", 1), 4))
        .then(&[removed("tea", 1, 100), removed("tea", 1, 120)]);
    lots.when(&set(offer("tea", 1), 1)).then(&[
        removed("tea", 1, 100),
        removed("tea", 3, 120),
        removed("tea", 1, 100),
    ]);
    lots.when(&remove("tea")).then(&[
        removed("tea", 1, 100),
        removed("tea", 3, 120),
        removed("tea", 2, 100),
    ]);
}

#[test]
fn a_line_that_is_not_there_cannot_be_removed() {
    for history in [
        vec![opened()],
        vec![opened(), added("tea", 1, 100), removed("tea", 1, 100)],
    ] {
        given(&history)
            .when(&remove("tea"))
            .then_refused(Refusal::NoSuchLine { sku: sku("tea") });
    }
}

#[test]
fn clearing_removes_every_line_and_an_empty_cart_stays_as_it_is() {
    given(&[opened(), added("tea", 1, 100), added("mug", 2, 50)])
        .when(&CartCommand::ClearCart)
        .then(&[removed("tea", 1, 100), removed("mug", 2, 50)]);
    given(&[opened()])
        .when(&CartCommand::ClearCart)
        .then_nothing();
}

#[test]
fn a_promotion_is_applied_replaced_and_taken_off() {
    let reduced = given(&[opened(), applied(tenth_off())]);
    given(&[opened()])
        .when(&CartCommand::ApplyPromotion(tenth_off()))
        .then(&[applied(tenth_off())]);
    reduced
        .when(&CartCommand::ApplyPromotion(five_off()))
        .then(&[applied(five_off())]);
    reduced
        .when(&CartCommand::ApplyPromotion(tenth_off()))
        .then_nothing();
    reduced
        .when(&CartCommand::RemovePromotion)
        .then(&[taken_off("TENTH")]);
}

#[test]
fn a_promotion_whose_terms_have_changed_is_applied_anew() {
    let today = promotion("TENTH", Terms::Percent(11));
    given(&[opened(), applied(tenth_off())])
        .when(&CartCommand::ApplyPromotion(today.clone()))
        .then(&[applied(today)]);
}

#[test]
fn a_promotion_that_is_not_there_cannot_be_taken_off() {
    for history in [
        vec![opened()],
        vec![opened(), applied(tenth_off()), taken_off("TENTH")],
    ] {
        given(&history)
            .when(&CartCommand::RemovePromotion)
            .then_refused(Refusal::NoPromotion);
    }
}

#[test]
fn undo_reverses_each_kind_of_change() {
    let base = [opened(), added("tea", 2, 100), applied(tenth_off())];
    for (command, reversed) in [
        (add(offer("tea", 120), 1), vec![removed("tea", 1, 120)]),
        (set(offer("tea", 120), 1), vec![added("tea", 1, 100)]),
        (remove("tea"), vec![added("tea", 2, 100)]),
        (CartCommand::ClearCart, vec![added("tea", 2, 100)]),
        (
            CartCommand::ApplyPromotion(five_off()),
            vec![applied(tenth_off())],
        ),
        (CartCommand::RemovePromotion, vec![applied(tenth_off())]),
    ] {
        given(&base)
            .and(&command)
            .when(&CartCommand::Undo)
            .then(&reversed);
    }
    given(&[opened(), applied(tenth_off())])
        .when(&CartCommand::Undo)
        .then(&[taken_off("TENTH")]);
}

#[test]
fn undo_reverses_the_events_of_a_command_from_the_last_to_the_first() {
    given(&[opened(), added("tea", 2, 100), added("tea", 1, 120)])
        .and(&remove("tea"))
        .when(&CartCommand::Undo)
        .then(&[added("tea", 2, 100), added("tea", 1, 120)]);
}

#[test]
fn undo_goes_further_back_each_time_and_is_not_undone_itself() {
    let story =
        given(&[opened(), added("tea", 1, 100), added("mug", 1, 50)]).and(&CartCommand::Undo);
    story
        .when(&CartCommand::Undo)
        .then(&[removed("tea", 1, 100)]);
    story
        .and(&CartCommand::Undo)
        .when(&CartCommand::Undo)
        .then_refused(Refusal::NothingToUndo);
}

#[test]
fn what_a_cart_was_opened_with_is_not_undone() {
    given(&[])
        .and(&open(&[(offer("tea", 100), 1)]))
        .when(&CartCommand::Undo)
        .then_refused(Refusal::NothingToUndo);
}

#[test]
fn checkout_writes_what_the_shopper_agreed_to_pay() {
    given(&[opened(), added("tea", 3, 115)])
        .when(&check_out(345))
        .then(&[checked_out(345, 0)]);
    given(&[opened(), added("tea", 3, 115), applied(tenth_off())])
        .when(&check_out(310))
        .then(&[checked_out(345, 35)]);
    given(&[opened(), added("tea", 1, 300), applied(five_off())])
        .when(&check_out(0))
        .then(&[checked_out(300, 300)]);
}

#[test]
fn an_empty_cart_is_not_checked_out() {
    for history in [
        vec![opened()],
        vec![opened(), added("tea", 1, 0), removed("tea", 1, 0)],
        vec![opened(), applied(five_off())],
    ] {
        given(&history)
            .when(&check_out(0))
            .then_refused(Refusal::EmptyCart);
    }
}

#[test]
fn another_total_than_the_shopper_was_shown_is_not_charged() {
    let cart = given(&[opened(), added("tea", 1, 100), applied(tenth_off())]);
    for expected in [0, 89, 91, 100, -90, i64::MAX, i64::MIN] {
        cart.when(&check_out(expected))
            .then_refused(Refusal::TotalChanged { total: money(90) });
    }
}

#[test]
fn a_cart_expires_if_nothing_happened_since_it_was_seen_idle() {
    let idle = given(&[opened(), added("tea", 1, 100)]);
    let expire = |idle_since| CartCommand::Expire { idle_since };
    idle.when(&expire(time(2))).then(&[expired(time(2))]);
    for other in [time(1), time(3)] {
        idle.when(&expire(other)).then_refused(Refusal::NotIdle);
    }
}

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
fn a_line_has_no_more_units_than_the_limit_or_the_product_s_own() {
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
fn a_cart_has_no_more_lines_than_the_limit_and_one_taken_out_makes_room() {
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
fn a_total_that_cannot_be_counted_is_refused() {
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
fn the_last_event_is_kept_for_the_one_that_closes_the_cart() {
    let four = few(100, 999, 4);
    let refusal = || Refusal::TooManyEvents { max: 4 };
    let full = given_under(four, &[opened(), added("tea", 1, 100), added("mug", 1, 50)]);
    for command in [
        add(offer("tea", 100), 1),
        remove("tea"),
        CartCommand::ClearCart,
        CartCommand::ApplyPromotion(tenth_off()),
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
fn a_command_with_more_events_than_are_left_writes_none_of_them() {
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

#[test]
fn every_refusal_tells_a_shopper_what_is_the_matter() {
    for (refusal, told) in [
        (Refusal::EmptyCart, "Put something in first"),
        (
            Refusal::TooManyUnits {
                name: "Teapot".into(),
                max: 3,
            },
            "at most 3 of “Teapot”",
        ),
        (
            Refusal::TooManyEvents { max: 9 },
            "can still be checked out",
        ),
        (Refusal::CheckedOut { order_id: ORDER }, "Open a new cart"),
    ] {
        assert!(refusal.to_string().contains(told), "{refusal}");
    }
}

#[test]
fn a_cart_weighs_more_with_each_line_and_with_what_undo_keeps() {
    let weight = |story: &Story| CartModel::weight(&story.cart);
    let empty = given(&[opened()]);
    let one = empty.clone().and(&add(offer("tea", 1), 1));
    let two = one.clone().and(&add(offer("mug", 1), 1));
    assert!(weight(&empty) < weight(&one) && weight(&one) < weight(&two));
    let busy = (0..50).fold(two.clone(), |story, _| story.and(&add(offer("mug", 1), 1)));
    let mut quiet = busy.cart.clone();
    quiet.forget_undo();
    assert!(weight(&busy) >= CartModel::weight(&quiet) + 50 * 24);
}

#[test]
fn a_discount_is_explained_by_the_event_that_applied_what_is_in_force() {
    let applied_by = |story: &Story| {
        let why = explain::why(CART, &story.history).expect("an opened cart");
        let terms = why.discount.sum.iter();
        terms.map(|term| term.version).collect::<Vec<_>>()
    };
    let tea = given(&[opened(), added("tea", 1, 1_000)]);
    assert_eq!(applied_by(&tea), [0u64; 0]);
    let five = tea.and(&CartCommand::ApplyPromotion(five_off()));
    assert_eq!(applied_by(&five), [3]);
    let tenth = five.and(&CartCommand::ApplyPromotion(tenth_off()));
    assert_eq!(applied_by(&tenth), [4]);
    let none = tenth.and(&CartCommand::RemovePromotion);
    assert_eq!(applied_by(&none), [0u64; 0]);
}

#[test]
fn an_event_is_told_in_the_cart_s_currency() {
    let eur = Currency::EUR;
    assert_eq!(
        sentence(&added("tea", 2, 1_999), eur),
        "Added 2 × TEA at €19.99"
    );
    for (code, minor, shown) in [
        ("EUR", 0, "€0.00"),
        ("EUR", -5, "−€0.05"),
        ("USD", 100, "$1.00"),
        ("GBP", 100, "£1.00"),
    ] {
        let currency = Currency::parse(code).expect("a currency");
        assert_eq!(money(minor).display(currency).to_string(), shown);
    }
}
