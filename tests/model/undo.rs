//! What undo reverses, and in which order.

use crate::fixtures::*;
use cartlog::cart::{CartCommand, Offer, Refusal};

#[test]
fn undo_reverses_each_kind_of_change() {
    let base = [opened(), added("tea", 2, 100), applied(tenth_off())];
    for (command, reversed) in [
        (add(offer("tea", 120), 1), vec![removed("tea", 1, 120)]),
        (set(offer("tea", 120), 1), vec![added("tea", 1, 100)]),
        (remove("tea"), vec![added("tea", 2, 100)]),
        (CartCommand::ClearCart, vec![added("tea", 2, 100)]),
        (apply(five_off()), vec![applied(tenth_off())]),
        (CartCommand::RemovePromotion, vec![applied(tenth_off())]),
    ] {
        given(&base)
            .and(&command)
            .when(&CartCommand::Undo)
            .then(&reversed);
    }
    given(&[opened(), applied(tenth_off())])
        .when(&CartCommand::Undo)
        .then(&[promotion_removed("TENTH")]);
}

#[test]
fn undo_reverses_events_of_command_in_reverse_order() {
    given(&[opened(), added("tea", 2, 100), added("tea", 1, 120)])
        .and(&remove("tea"))
        .when(&CartCommand::Undo)
        .then(&[added("tea", 2, 100), added("tea", 1, 120)]);
}

#[test]
fn repeated_undo_goes_further_back_and_is_not_undone() {
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
fn undo_keeps_items_that_cart_was_opened_with() {
    given(&[])
        .and(&open(&[(offer("tea", 100), 1)]))
        .when(&CartCommand::Undo)
        .then_refused(Refusal::NothingToUndo);
}

#[test]
fn undo_restores_units_under_their_original_name() {
    let renamed = Offer {
        name: "EARL GREY".into(),
        ..offer("tea", 100)
    };
    let mut story = given(&[opened(), added("tea", 1, 100)]).and(&remove("tea"));
    let name = |story: &Story| {
        let contents = story.cart.contents().expect("an opened cart");
        let line = contents.line(&sku("tea"));
        line.map(|line| line.name.to_string())
    };
    assert_eq!(name(&story), None);
    story = story.and(&add(renamed, 2));
    assert_eq!(name(&story).as_deref(), Some("EARL GREY"));
    story = story.and(&CartCommand::Undo);
    assert_eq!(name(&story), None);
    story.when(&CartCommand::Undo).then(&[added("tea", 1, 100)]);
    assert_eq!(name(&story.and(&CartCommand::Undo)).as_deref(), Some("TEA"));
}
