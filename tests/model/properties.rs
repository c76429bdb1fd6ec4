//! Properties of every cart, checked on random command sequences.

use crate::fixtures::*;
use crate::generators::*;
use cartlog::cart::event::Units;
use cartlog::cart::explain::{self, Term};
use cartlog::cart::state::Contents;
use cartlog::cart::{Cart, CartCommand, CartEvent, CartModel, Limits, Refusal, RequestedItem};
use cartlog::decider::{Decider, DecodedEvent, Event, fold};
use cartlog_testkit::seed::seeded;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

/// Limits that random commands reach.
const SMALL: Limits = Limits {
    lines: 3,
    units: 10,
    events: 30,
};

/// Executes `commands` on a cart under `limits` and calls `check` after each.
fn run(limits: Limits, commands: &[CartCommand], mut check: impl FnMut(&Story)) -> Story {
    let mut story = Story::under(limits);
    for command in commands {
        // A refused command leaves the cart unchanged.
        let _ = story.handle(command);
        check(&story);
    }
    story
}

fn sum(terms: &[Term]) -> (i64, i64) {
    for term in terms {
        assert_eq!(
            term.amount.minor(),
            term.quantity * term.unit_price.minor(),
            "{term:?}"
        );
    }
    terms.iter().fold((0, 0), |(quantity, amount), term| {
        (quantity + term.quantity, amount + term.amount.minor())
    })
}

proptest! {
    #![proptest_config(seeded(300))]

    #[test]
    fn lines_add_up_to_total(commands in command_sequences()) {
        run(Limits::MOST, &commands, |story| {
            let cart = story.document();
            let lines: i64 = numbers(&cart["lines"], "total").iter().sum();
            assert_eq!(cart["items_total"], lines);
            assert_eq!(cart["total"], lines - cart["discount"].as_i64().unwrap());
            for line in cart["lines"].as_array().unwrap() {
                let quantities = numbers(&line["lots"], "quantity");
                let prices = numbers(&line["lots"], "unit_price");
                let amounts = quantities.iter().zip(prices);
                let amounts = amounts.map(|(quantity, price)| quantity * price);
                assert_eq!(line["total"], amounts.sum::<i64>());
                assert_eq!(line["quantity"], quantities.iter().sum::<i64>());
                assert!(quantities.iter().all(|quantity| *quantity > 0), "{line}");
            }
        });
    }

    #[test]
    fn items_total_is_sum_over_events(commands in command_sequences()) {
        run(Limits::MOST, &commands, |story| {
            let amount = |units: &Units| i64::from(units.quantity) * units.unit_price.minor();
            let plain: i64 = story.history.iter().map(|decoded| match &decoded.event {
                CartEvent::ItemAdded(units) => amount(units),
                CartEvent::ItemRemoved(units) => -amount(units),
                _ => 0,
            }).sum();
            assert_eq!(story.document()["items_total"], plain);
        });
    }

    #[test]
    fn totals_are_never_negative(commands in command_sequences()) {
        run(Limits::MOST, &commands, |story| {
            let cart = story.document();
            for number in ["items_total", "discount", "total"] {
                assert!(cart[number].as_i64().unwrap() >= 0, "{number} of {cart}");
            }
        });
    }

    #[test]
    fn undo_restores_cart_before_command(commands in command_sequences()) {
        let mut story = Story::under(Limits::MOST);
        story.handle(&commands[0]).unwrap();
        // The cart before each command that has not been undone yet.
        let mut before = Vec::new();
        for command in &commands[1..] {
            let earlier = story.contents();
            match story.handle(command) {
                Ok(_) if *command == CartCommand::Undo => {
                    assert_eq!(story.contents(), before.pop().expect("something to undo"));
                }
                Ok(events) if !events.is_empty() => {
                    before.push(earlier);
                    let undone = story.clone().and(&CartCommand::Undo);
                    assert_eq!(Some(&undone.contents()), before.last());
                }
                Err(Refusal::NothingToUndo) => assert!(before.is_empty()),
                Ok(_) | Err(_) => assert_eq!(story.contents(), earlier),
            }
        }
    }

    #[test]
    fn repeated_undo_restores_cart_as_opened(commands in command_sequences()) {
        let mut story = run(Limits::MOST, &commands[..1], |_| {});
        let opened = story.contents();
        for command in &commands[1..] {
            let _ = story.handle(command);
        }
        while story.handle(&CartCommand::Undo).is_ok() {
            assert!(story.history.len() < 10_000, "it comes to an end");
        }
        assert_eq!(story.contents(), opened);
    }

    #[test]
    fn why_adds_up_to_every_number_of_cart(commands in command_sequences()) {
        run(Limits::MOST, &commands, |story| {
            let cart = story.document();
            let why = explain::why(CART, &story.cart, &story.history).expect("an opened cart");
            assert_eq!(cart["version"], why.version);
            for (name, amount) in [
                ("items_total", &why.items_total),
                ("discount", &why.discount),
                ("total", &why.total),
            ] {
                assert_eq!(cart[name], amount.value.minor());
                assert_eq!(cart[name], sum(&amount.sum).1, "{name}");
            }
            let lines = cart["lines"].as_array().unwrap();
            assert_eq!(lines.len(), why.lines.len());
            for (line, why) in lines.iter().zip(&why.lines) {
                assert_eq!(line["sku"], why.sku.as_str());
                assert_eq!(line["quantity"], why.quantity.value);
                assert_eq!(line["quantity"], sum(&why.quantity.sum).0);
                assert_eq!(line["total"], why.total.value.minor());
                assert_eq!(line["total"], sum(&why.total.sum).1);
            }
        });
    }

    /// A cart that is read from a snapshot must not differ from one folded from its first event.
    #[test]
    fn snapshot_folds_on_like_the_whole_cart(
        commands in command_sequences(),
        cut: prop::sample::Index,
    ) {
        let story = run(Limits::MOST, &commands, |_| {});
        let (before, after) = story.history.split_at(cut.index(story.history.len() + 1));
        let fold_on = |mut cart: Cart, events: &[DecodedEvent<CartEvent>]| {
            for decoded in events {
                CartModel::evolve(&mut cart, &decoded.event, &decoded.context());
                cart.forget_undo();
            }
            cart
        };
        let snapshot = fold_on(CartModel::initial(), before);
        let stored = serde_json::to_string(&snapshot).unwrap();
        let restored: Cart = serde_json::from_str(&stored).unwrap();
        prop_assert_eq!(&restored, &snapshot);
        let whole = fold_on(CartModel::initial(), &story.history);
        prop_assert_eq!(&fold_on(restored, after), &whole);
        prop_assert_eq!(document(&whole), story.document());
    }

    #[test]
    fn what_if_without_addition_reports_its_units_as_difference(
        commands in command_sequences(),
        which: prop::sample::Index,
    ) {
        // Only additions, since units that were removed again make no difference.
        let additions: Vec<CartCommand> = commands.into_iter().filter(|command| matches!(
            command, CartCommand::OpenCart { .. } | CartCommand::AddItem(_))).collect();
        let story = run(Limits::MOST, &additions, |_| {});
        let events = story.history.iter();
        let added = events.filter_map(|decoded| match &decoded.event {
            CartEvent::ItemAdded(units) => Some((decoded.version, units)),
            _ => None,
        });
        let added: Vec<(u64, &Units)> = added.collect();
        prop_assume!(!added.is_empty());
        let (version, units) = added[which.index(added.len())];
        let others = story.history.iter().filter(|decoded| decoded.version != version);
        let without = fold::<CartModel>(others);
        let (actual, other) = (story.cart.contents().unwrap(), without.contents().unwrap());
        prop_assert_eq!(actual.quantity(&units.sku), other.quantity(&units.sku) + units.quantity);
        let difference = explain::difference(actual, other);
        prop_assert_eq!(difference.lines.len(), 1);
        prop_assert_eq!(&difference.lines[0].sku, &units.sku);
        let items_total = difference.items_total;
        let missing = items_total.actual.minor() - items_total.what_if.minor();
        prop_assert_eq!(missing, i64::from(units.quantity) * units.unit_price.minor());
    }

    #[test]
    fn limits_are_never_exceeded(commands in command_sequences()) {
        run(SMALL, &commands, |story| {
            let Some(contents) = story.cart.contents() else { return };
            assert!(contents.lines().count() <= SMALL.lines);
            for line in contents.lines() {
                let own = own_limit(line.sku.as_str()).unwrap_or(SMALL.units);
                assert!(line.quantity() <= own.min(SMALL.units), "{line:?}");
            }
            assert!(contents.version < SMALL.events, "the last event is kept free");
        });
    }

    #[test]
    fn non_empty_cart_can_be_checked_out_at_its_total(commands in command_sequences()) {
        run(SMALL, &commands, |story| {
            let Some(contents) = story.cart.contents() else { return };
            let outcome = story.decide(&check_out(contents.total().minor()));
            if contents.lines().next().is_none() {
                assert_eq!(outcome, Err(Refusal::EmptyCart));
                return;
            }
            let events = outcome.expect("a cart that holds something");
            let mut closed = story.clone();
            closed.record("checkout", &events);
            assert_eq!(closed.document()["status"], "checked_out");
            assert_eq!(closed.document()["total"], story.document()["total"]);
            assert!(closed.cart.contents().unwrap().version <= SMALL.events);
        });
    }

    #[test]
    fn setting_same_quantity_again_changes_nothing(commands in command_sequences()) {
        let mut story = Story::under(Limits::MOST);
        for command in &commands {
            let outcome = story.handle(command);
            if let (CartCommand::SetQuantity(_), Ok(_)) = (command, outcome) {
                assert_eq!(story.decide(command), Ok(Vec::new()));
            }
        }
    }

    #[test]
    fn lots_keep_prices_and_newest_are_removed_first(commands in command_sequences()) {
        let mut story = Story::under(Limits::MOST);
        let mut pile = Pile::default();
        let mut earlier = Vec::new();
        for command in &commands {
            let before = pile.clone();
            let Ok(events) = story.handle(command) else { continue };
            match command {
                CartCommand::Undo => pile = earlier.pop().expect("something to undo"),
                CartCommand::OpenCart { .. } => pile.change(command),
                _ if events.is_empty() => {}
                _ => {
                    pile.change(command);
                    earlier.push(before);
                }
            }
            assert_eq!(lots(&story.cart), pile.lots());
        }
    }

    #[test]
    fn evolve_never_fails_on_arbitrary_history(history in vec(arbitrary_events(), 0..40)) {
        let mut cart = CartModel::initial();
        let mut known = Vec::new();
        for decoded in history {
            CartModel::evolve(&mut cart, &decoded.event, &decoded.context());
            let event = &decoded.event;
            let stored = CartEvent::read(event.name(), event.schema(), &event.data());
            prop_assert_eq!(stored.as_ref(), Ok(&decoded.event));
            known.push(decoded);
            let document = document(&cart);
            prop_assert_eq!(document.is_null(), matches!(cart, Cart::NotOpened));
            prop_assert_eq!(explain::why(CART, &cart, &known).is_some(), !document.is_null());
            prop_assert!(CartModel::weight(&cart) > 0);
        }
    }

    #[test]
    fn decide_never_panics_on_arbitrary_history(
        history in vec(arbitrary_events(), 0..40),
        command in open_cart_commands(),
    ) {
        let mut cart = CartModel::initial();
        for decoded in &history {
            CartModel::evolve(&mut cart, &decoded.event, &decoded.context());
        }
        let model = CartModel {
            limits: SMALL,
            ..CartModel::default()
        };
        let decided = model.decide(&cart, &command);
        if matches!(cart, Cart::NotOpened) {
            prop_assert_eq!(decided, Err(Refusal::NotOpened));
        }
    }
}

fn numbers(items: &Value, name: &str) -> Vec<i64> {
    let items = items.as_array().expect("a list");
    items
        .iter()
        .map(|item| item[name].as_i64().expect("a number"))
        .collect()
}

/// The units of each line as a stack with their prices: a second model of the lots.
#[derive(Debug, Clone, Default)]
struct Pile(BTreeMap<String, Vec<i64>>);

impl Pile {
    fn change(&mut self, command: &CartCommand) {
        match command {
            CartCommand::OpenCart { items, .. } => {
                // Items of the same product are one addition, at the price of the first.
                let mut first = BTreeMap::new();
                for item in items {
                    let price = *first.entry(item.sku.as_str()).or_insert(price(item));
                    self.put(item.sku.as_str(), item.quantity, price);
                }
            }
            CartCommand::AddItem(item) => {
                self.put(item.sku.as_str(), item.quantity, price(item));
            }
            CartCommand::SetQuantity(item) => {
                let units = self.0.entry(item.sku.to_string()).or_default();
                units.resize(item.quantity as usize, price(item));
            }
            CartCommand::RemoveItem { sku } => {
                self.0.remove(sku.as_str());
            }
            CartCommand::ClearCart => self.0.clear(),
            _ => {}
        }
    }

    fn put(&mut self, name: &str, quantity: u32, price: i64) {
        let units = self.0.entry(name.to_owned()).or_default();
        units.extend(std::iter::repeat_n(price, quantity as usize));
    }

    fn lots(&self) -> BTreeMap<String, Vec<(u32, i64)>> {
        let mut lots = BTreeMap::new();
        for (name, units) in self.0.iter().filter(|(_, units)| !units.is_empty()) {
            let same = units.chunk_by(|older, newer| older == newer);
            let counted = same.map(|lot| (u32::try_from(lot.len()).unwrap(), lot[0]));
            lots.insert(name.clone(), counted.collect());
        }
        lots
    }
}

fn price(item: &RequestedItem) -> i64 {
    item.offer
        .as_ref()
        .map_or(0, |offer| offer.unit_price.minor())
}

fn lots(cart: &Cart) -> BTreeMap<String, Vec<(u32, i64)>> {
    let lines = cart.contents().into_iter().flat_map(Contents::lines);
    lines
        .map(|line| {
            let lots = line.lots.iter();
            let lots = lots.map(|lot| (lot.quantity, lot.unit_price.minor()));
            (line.sku.to_string(), lots.collect())
        })
        .collect()
}
