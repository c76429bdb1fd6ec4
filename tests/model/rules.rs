//! Given events, when a command is decided, then it returns these events or that refusal.

use crate::fixtures::*;
use cartlog::cart::{CartCommand, Currency, Offer, PromotionOffer, Refusal, Terms};

fn every_command() -> Vec<CartCommand> {
    vec![
        add(offer("tea", 100), 1),
        set(offer("tea", 100), 2),
        remove("tea"),
        CartCommand::ClearCart,
        apply(tenth_off()),
        CartCommand::RemovePromotion,
        CartCommand::Undo,
        check_out(100),
        CartCommand::Expire {
            idle_since: time(2),
        },
    ]
}

#[test]
fn open_cart_accepts_no_items_or_some() {
    given(&[]).when(&open(&[])).then(&[opened()]);
    given(&[])
        .when(&open(&[(offer("tea", 100), 2), (offer("mug", 50), 1)]))
        .then(&[opened(), added("tea", 2, 100), added("mug", 1, 50)]);
}

#[test]
fn open_cart_merges_items_of_same_sku() {
    given(&[])
        .when(&open(&[
            (offer("tea", 100), 2),
            (offer("mug", 50), 1),
            (offer("tea", 100), 3),
        ]))
        .then(&[opened(), added("tea", 5, 100), added("mug", 1, 50)]);
}

#[test]
fn open_cart_on_existing_cart_is_refused() {
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
fn commands_on_cart_not_opened_are_refused() {
    for command in every_command() {
        given(&[]).when(&command).then_refused(Refusal::NotOpened);
    }
}

#[test]
fn commands_on_checked_out_cart_are_refused() {
    let paid = given(&[opened(), added("tea", 1, 100), checked_out(100, 0)]);
    for command in every_command() {
        paid.when(&command)
            .then_refused(Refusal::CheckedOut { order_id: ORDER });
    }
}

#[test]
fn commands_on_expired_cart_are_refused() {
    let expired = given(&[opened(), added("tea", 1, 100), expired(time(2))]);
    for command in every_command() {
        expired.when(&command).then_refused(Refusal::Expired);
    }
}

#[test]
fn add_item_uses_price_of_offer() {
    given(&[opened(), added("tea", 1, 90)])
        .when(&add(offer("tea", 100), 2))
        .then(&[added("tea", 2, 100)]);
}

#[test]
fn recorded_addition_of_zero_units_makes_no_line() {
    let story = given(&[opened(), added("tea", 0, 100)]);
    let contents = story.cart.contents().expect("an opened cart");
    assert_eq!(contents.lines().count(), 0);
    assert_eq!(contents.ever_held(&sku("tea")), Some(0));
}

#[test]
fn adding_zero_units_is_refused() {
    given(&[opened()])
        .when(&add(offer("tea", 100), 0))
        .then_refused(Refusal::NoQuantity);
    given(&[])
        .when(&open(&[(offer("tea", 100), 0)]))
        .then_refused(Refusal::NoQuantity);
}

#[test]
fn set_quantity_adds_or_removes_the_difference() {
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
fn quantity_of_discontinued_product_can_only_be_lowered() {
    let two = given(&[opened(), added("tea", 2, 100)]);
    let set = |quantity| CartCommand::SetQuantity(not_sold(&sku("tea"), quantity));
    two.when(&set(1)).then(&[removed("tea", 1, 100)]);
    two.when(&set(2)).then_nothing();
    two.when(&set(3))
        .then_refused(Refusal::UnknownSku { sku: sku("tea") });
}

#[test]
fn unknown_product_is_refused() {
    let unknown = || Refusal::UnknownSku { sku: sku("tea") };
    let add = CartCommand::AddItem(not_sold(&sku("tea"), 1));
    given(&[opened(), added("tea", 1, 100)])
        .when(&add)
        .then_refused(unknown());
    let open = CartCommand::OpenCart {
        currency: Currency::EUR,
        token_hash: TOKEN_HASH,
        items: vec![not_sold(&sku("tea"), 1)],
    };
    given(&[]).when(&open).then_refused(unknown());
}

#[test]
fn offer_in_another_currency_is_refused() {
    let yen = Currency::parse("JPY").expect("a currency");
    let tea = || Offer {
        currency: yen,
        ..offer("tea", 1_500)
    };
    let mismatch = |offered: &str| Refusal::CurrencyMismatch {
        offered: offered.to_owned(),
        currency: yen,
        cart_currency: Currency::EUR,
    };
    let cart = given(&[opened(), added("tea", 2, 100)]);
    cart.when(&add(tea(), 1)).then_refused(mismatch("“TEA”"));
    cart.when(&set(tea(), 3)).then_refused(mismatch("“TEA”"));
    cart.when(&set(tea(), 2)).then_nothing();
    cart.when(&set(tea(), 1)).then(&[removed("tea", 1, 100)]);
    given(&[])
        .when(&open(&[(offer("mug", 50), 1), (tea(), 1)]))
        .then_refused(mismatch("“TEA”"));
    let in_yen = |promotion| CartCommand::ApplyPromotion {
        promotion: Some(PromotionOffer {
            promotion,
            currency: yen,
        }),
    };
    cart.when(&in_yen(five_off()))
        .then_refused(mismatch("FIVE"));
    cart.and(&apply(five_off()))
        .when(&in_yen(five_off()))
        .then_refused(mismatch("FIVE"));
    given(&[opened()])
        .when(&in_yen(tenth_off()))
        .then(&[applied(tenth_off())]);
}

#[test]
fn unknown_promotion_is_refused() {
    for history in [vec![opened()], vec![opened(), applied(tenth_off())]] {
        given(&history)
            .when(&CartCommand::ApplyPromotion { promotion: None })
            .then_refused(Refusal::UnknownPromotion);
    }
}

#[test]
fn newest_units_are_removed_first_at_their_own_price() {
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
fn remove_item_without_line_is_refused() {
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
fn clear_cart_removes_every_line_if_any() {
    given(&[opened(), added("tea", 1, 100), added("mug", 2, 50)])
        .when(&CartCommand::ClearCart)
        .then(&[removed("tea", 1, 100), removed("mug", 2, 50)]);
    given(&[opened()])
        .when(&CartCommand::ClearCart)
        .then_nothing();
}

#[test]
fn promotion_is_applied_replaced_and_removed() {
    let reduced = given(&[opened(), applied(tenth_off())]);
    given(&[opened()])
        .when(&apply(tenth_off()))
        .then(&[applied(tenth_off())]);
    reduced
        .when(&apply(five_off()))
        .then(&[applied(five_off())]);
    reduced.when(&apply(tenth_off())).then_nothing();
    reduced
        .when(&CartCommand::RemovePromotion)
        .then(&[promotion_removed("TENTH")]);
}

#[test]
fn promotion_with_changed_terms_is_applied_again() {
    let today = promotion("TENTH", Terms::Percent(11));
    given(&[opened(), applied(tenth_off())])
        .when(&apply(today.clone()))
        .then(&[applied(today)]);
}

#[test]
fn remove_promotion_without_promotion_is_refused() {
    for history in [
        vec![opened()],
        vec![opened(), applied(tenth_off()), promotion_removed("TENTH")],
    ] {
        given(&history)
            .when(&CartCommand::RemovePromotion)
            .then_refused(Refusal::NoPromotion);
    }
}

#[test]
fn checkout_records_the_agreed_total() {
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
fn checkout_of_empty_cart_is_refused() {
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
fn checkout_with_different_total_is_refused() {
    let cart = given(&[opened(), added("tea", 1, 100), applied(tenth_off())]);
    for expected in [0, 89, 91, 100, -90, i64::MAX, i64::MIN] {
        cart.when(&check_out(expected))
            .then_refused(Refusal::TotalChanged { total: money(90) });
    }
}

#[test]
fn cart_expires_only_if_unchanged_since_seen_idle() {
    let idle = given(&[opened(), added("tea", 1, 100)]);
    let expire = |idle_since| CartCommand::Expire { idle_since };
    idle.when(&expire(time(2))).then(&[expired(time(2))]);
    for other in [time(1), time(3)] {
        idle.when(&expire(other)).then_refused(Refusal::NotIdle);
    }
}
