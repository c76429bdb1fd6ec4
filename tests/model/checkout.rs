//! Checkouts of what the shop no longer offers, and the notices before.

use crate::fixtures::*;
use cartlog::cart::event::{CartCheckedOut, Withdrawn};
use cartlog::cart::{
    CartCommand, CartEvent, Currency, Notice, Offer, Offers, Promotion, PromotionOffer, Refusal,
    Terms, WithdrawnAtCheckout,
};

fn in_euros(promotion: Promotion) -> PromotionOffer {
    PromotionOffer {
        promotion,
        currency: Currency::EUR,
    }
}

fn check_out_today(expected_total: i64, offers: Offers) -> CartCommand {
    CartCommand::Checkout {
        expected_total: money(expected_total),
        order_id: ORDER,
        offers: offers.into(),
    }
}

fn withdrawn(name: &str) -> Notice {
    Notice::ProductWithdrawn {
        sku: sku(name),
        name: name.to_uppercase().into(),
        sold_in: None,
    }
}

#[test]
fn withdrawn_product_and_promotion_are_refused_before_the_total() {
    let cart = given(&[
        opened(),
        added("tea", 1, 500),
        added("mug", 1, 500),
        added("pot", 1, 500),
        applied(tenth_off()),
    ]);
    let only_tea = || Offers::new([offer("tea", 500)], []);
    for total in [1_350, 1] {
        cart.when(&check_out_today(total, only_tea()))
            .then_refused(Refusal::NoLongerOffered {
                currency: Currency::EUR,
                notices: vec![
                    withdrawn("mug"),
                    withdrawn("pot"),
                    Notice::PromotionWithdrawn {
                        code: "TENTH".into(),
                        sold_in: None,
                    },
                ],
            });
    }
    cart.and(&remove("mug"))
        .and(&remove("pot"))
        .and(&CartCommand::RemovePromotion)
        .when(&check_out_today(500, only_tea()))
        .then(&[checked_out(500, 0)]);
    given(&[opened(), applied(tenth_off())])
        .when(&check_out_today(0, only_tea()))
        .then_refused(Refusal::EmptyCart);
}

#[test]
fn accepted_checkout_records_what_was_withdrawn() {
    let mut cart = given(&[
        opened(),
        added("tea", 1, 500),
        added("mug", 1, 500),
        applied(five_off()),
    ]);
    cart.model.withdrawn = WithdrawnAtCheckout::Accept;
    let order = |withdrawn| {
        CartEvent::CartCheckedOut(CartCheckedOut {
            order_id: ORDER,
            items_total: money(1_000),
            discount: money(500),
            total: money(500),
            withdrawn,
            order_follows: false,
        })
    };
    let all = || Offers::new([offer("tea", 500), offer("mug", 9)], [in_euros(five_off())]);
    cart.when(&check_out_today(500, all())).then(&[order(None)]);
    let none = Offers::default();
    cart.when(&check_out_today(500, none))
        .then(&[order(Some(Withdrawn {
            skus: vec![sku("tea"), sku("mug")],
            promotion: Some("FIVE".into()),
        }))]);
}

#[test]
fn notices_name_each_line_that_differs_from_today() {
    let cart = given(&[
        opened(),
        added("tea", 1, 500),
        added("tea", 1, 400),
        added("mug", 1, 500),
        added("pot", 1, 500),
        applied(five_off()),
    ]);
    let notices = |offers: Offers| {
        let contents = cart.cart.contents().expect("an opened cart");
        offers.notices(contents)
    };
    let products = || [offer("tea", 400), offer("mug", 500), offer("pot", 500)];
    let tea = || Notice::PriceChanged {
        sku: sku("tea"),
        name: "TEA".into(),
        unit_price: money(400),
    };
    let same = Offers::new(products(), [in_euros(five_off())]);
    assert_eq!(notices(same), [tea()], "one of its lots has another price");

    let six = promotion("five", Terms::Amount(money(600)));
    let today = Offers::new(products().into_iter().take(2), [in_euros(six.clone())]);
    let changed = Notice::PromotionChanged {
        code: "FIVE".into(),
        description: six.description,
    };
    assert_eq!(notices(today), [tea(), withdrawn("pot"), changed]);

    let yen = Currency::parse("JPY").expect("a currency");
    let in_yen = products().map(|offer| Offer {
        currency: yen,
        ..offer
    });
    let five_yen = PromotionOffer {
        promotion: five_off(),
        currency: yen,
    };
    let found = notices(Offers::new(in_yen, [five_yen]));
    assert_eq!(found.len(), 4);
    assert!(found.iter().all(Notice::is_withdrawal), "{found:?}");
    assert_eq!(
        found[3],
        Notice::PromotionWithdrawn {
            code: "FIVE".into(),
            sold_in: Some(yen),
        }
    );
}
