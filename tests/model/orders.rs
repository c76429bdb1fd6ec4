//! The rules of an order: every command in every status, and random sequences of commands.

use cartlog::cart::{Currency, Money, Sku};
use cartlog::decider::{Decider, Event, EventContext};
use cartlog::orders::event::OrderPlaced;
use cartlog::orders::{NextStep, Order, OrderCommand, OrderEvent, OrderModel, OrderRefusal};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::seed::seeded;
use proptest::prelude::*;
use uuid::Uuid;

const DUE: Timestamp = Timestamp::MIN;

fn details(reserve_by: Option<Timestamp>) -> OrderPlaced {
    OrderPlaced {
        cart_id: Uuid::from_u128(1),
        currency: Currency::EUR,
        lines: Vec::new(),
        promotion: None,
        items_total: Money::from_minor(1_999),
        discount: Money::ZERO,
        total: Money::from_minor(1_999),
        withdrawn: None,
        reserve_by,
    }
}

fn refuse() -> OrderCommand {
    OrderCommand::Refuse {
        message: "None left.".into(),
        skus: vec![Sku::parse("teapot").unwrap()],
    }
}

/// Decides `command` on `order` and folds its events; their names, or the refusal.
fn execute(order: &mut Order, command: &OrderCommand) -> Result<Vec<&'static str>, OrderRefusal> {
    let events = OrderModel.decide(order, command)?;
    for event in &events {
        let context = EventContext {
            version: order.version() + 1,
            at: Timestamp::now(),
            command: command.name(),
            command_id: Uuid::nil(),
        };
        OrderModel::evolve(order, event, &context);
    }
    Ok(events.iter().map(OrderEvent::name).collect())
}

fn after(commands: &[OrderCommand]) -> Order {
    let mut order = OrderModel::initial();
    for command in commands {
        execute(&mut order, command).expect("the story is allowed");
    }
    order
}

#[test]
fn every_command_in_every_status() {
    use OrderCommand::{Cancel, Confirm, Place, Reserve, TimeOut};
    use OrderRefusal::{AlreadyRefused, AlreadyReserved, Cancelled, NotAsked, NotPlaced};
    let asked = || Place(details(Some(DUE)));
    let time_out = || TimeOut { now: DUE };
    let nothing = || Ok(Vec::new());
    let one = |name| Ok(vec![name]);
    // In the order: place, reserve, refuse, confirm, cancel, time out.
    let table = [
        (
            after(&[]),
            [
                one("OrderPlaced"),
                Err(NotPlaced),
                Err(NotPlaced),
                Err(NotPlaced),
                Err(NotPlaced),
                Err(NotPlaced),
            ],
        ),
        (
            after(&[asked()]),
            [
                nothing(),
                one("OrderReserved"),
                one("OrderRefused"),
                nothing(),
                nothing(),
                one("OrderCancelled"),
            ],
        ),
        (
            after(&[asked(), Reserve]),
            [
                nothing(),
                nothing(),
                Err(AlreadyReserved),
                one("OrderConfirmed"),
                nothing(),
                nothing(),
            ],
        ),
        (
            after(&[asked(), refuse()]),
            [
                nothing(),
                Err(AlreadyRefused),
                nothing(),
                nothing(),
                one("OrderCancelled"),
                nothing(),
            ],
        ),
        (
            after(&[asked(), Reserve, Confirm]),
            [
                nothing(),
                nothing(),
                Err(AlreadyReserved),
                nothing(),
                nothing(),
                nothing(),
            ],
        ),
        (
            after(&[asked(), time_out()]),
            [
                nothing(),
                Err(Cancelled),
                nothing(),
                nothing(),
                nothing(),
                nothing(),
            ],
        ),
        (
            after(&[Place(details(None))]),
            [
                nothing(),
                Err(NotAsked),
                Err(NotAsked),
                nothing(),
                nothing(),
                nothing(),
            ],
        ),
    ];
    let commands = [asked(), Reserve, refuse(), Confirm, Cancel, time_out()];
    for (order, outcomes) in table {
        for (command, expected) in commands.iter().zip(outcomes) {
            let decided = execute(&mut order.clone(), command);
            assert_eq!(decided, expected, "{} in {order:?}", command.name());
        }
    }
    let both = execute(&mut OrderModel::initial(), &Place(details(None)));
    assert_eq!(both, Ok(vec!["OrderPlaced", "OrderConfirmed"]));
    let early = TimeOut { now: DUE };
    let later = Place(details(Some(Timestamp::from_millis(0))));
    assert_eq!(execute(&mut after(&[later]), &early), Ok(Vec::new()));
}

fn commands() -> impl Strategy<Value = OrderCommand> {
    prop_oneof![
        Just(OrderCommand::Place(details(Some(DUE)))),
        Just(OrderCommand::Place(details(None))),
        Just(OrderCommand::Reserve),
        Just(refuse()),
        Just(OrderCommand::Confirm),
        Just(OrderCommand::Cancel),
        Just(OrderCommand::TimeOut { now: DUE }),
    ]
}

proptest! {
    #![proptest_config(seeded(512))]

    /// Whatever is sent in whatever order, an order is placed once and ends once, and taking its
    /// next step until there is none ends it.
    #[test]
    fn order_is_placed_once_and_ends_once(
        sent in proptest::collection::vec(commands(), 0..20),
    ) {
        let mut order = OrderModel::initial();
        let mut names = Vec::new();
        for command in &sent {
            names.extend(execute(&mut order, command).unwrap_or_default());
        }
        let step = |step| match step {
            NextStep::Place => OrderCommand::Place(details(None)),
            NextStep::Confirm => OrderCommand::Confirm,
            NextStep::Cancel => OrderCommand::Cancel,
            NextStep::TimeOut(now) => OrderCommand::TimeOut { now },
        };
        while let Some(next) = NextStep::of(&order) {
            let taken = execute(&mut order, &step(next)).expect("the process is never refused");
            prop_assert!(!taken.is_empty(), "{:?} does nothing in {:?}", next, order);
            names.extend(taken);
        }
        let count = |wanted: &[&str]| names.iter().filter(|name| wanted.contains(name)).count();
        let placed = usize::from(!names.is_empty());
        prop_assert_eq!(count(&["OrderPlaced"]), placed);
        prop_assert_eq!(count(&["OrderConfirmed", "OrderCancelled"]), placed);
        prop_assert!(count(&["OrderReserved", "OrderRefused"]) <= 1);
        if placed == 1 {
            let last = names.last().copied().unwrap_or_default();
            prop_assert!(["OrderConfirmed", "OrderCancelled"].contains(&last));
        }
    }
}
