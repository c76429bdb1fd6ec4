//! Outputs of the model: sentences, explanations, refusals and weights.

use crate::fixtures::*;
use cartlog::cart::explain;
use cartlog::cart::sentence::sentence;
use cartlog::cart::{CartCommand, CartModel, Currency, Refusal};
use cartlog::decider::Decider;

#[test]
fn refusals_name_the_limit_and_the_remedy() {
    for (refusal, text) in [
        (Refusal::EmptyCart, "Add an item"),
        (
            Refusal::TooManyUnits {
                name: "Teapot".into(),
                max: 3,
            },
            "Limit 3 of “Teapot”",
        ),
        (
            Refusal::TooManyEvents { max: 9 },
            "can still be checked out",
        ),
        (Refusal::CheckedOut { order_id: ORDER }, "Open a new cart"),
    ] {
        assert!(refusal.to_string().contains(text), "{refusal}");
    }
}

#[test]
fn discount_is_explained_by_the_event_of_its_promotion() {
    let applied_by = |story: &Story| {
        let why = explain::why(CART, &story.cart, &story.history).expect("an opened cart");
        let terms = why.discount.sum.iter();
        terms.map(|term| term.version).collect::<Vec<_>>()
    };
    let tea = given(&[opened(), added("tea", 1, 1_000)]);
    assert_eq!(applied_by(&tea), [0u64; 0]);
    let five = tea.and(&apply(five_off()));
    assert_eq!(applied_by(&five), [3]);
    let tenth = five.and(&apply(tenth_off()));
    assert_eq!(applied_by(&tenth), [4]);
    let none = tenth.and(&CartCommand::RemovePromotion);
    assert_eq!(applied_by(&none), [0u64; 0]);
}

#[test]
fn sentence_has_amounts_in_the_currency_of_the_cart() {
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

#[test]
fn weight_grows_with_lines_and_undo_steps() {
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
fn ever_held_includes_removed_lines() {
    let ever = |story: &Story| {
        let contents = story.cart.contents().expect("an opened cart");
        let held = |name: &str| contents.ever_held(&sku(name));
        (contents.was_filled(), held("tea"), held("mug"))
    };
    let story = given(&[opened()]);
    assert_eq!(ever(&story), (false, None, None));
    let story = story.and(&add(offer("tea", 100), 3));
    assert_eq!(ever(&story), (true, Some(3), None));
    let story = story.and(&add(offer("mug", 50), 1)).and(&remove("tea"));
    assert_eq!(ever(&story), (true, Some(0), Some(1)));
}
