use super::client::{Blame, Failure, Outcome};
use super::schedule::{Change, Delivery, Schedule};
use crate::log::{Checkpoint, Hash, Position};
use crate::public_events::{PublicEvent, PublicType};
use crate::timestamp::Timestamp;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ATTEMPTS: u32 = 3;

fn schedule(seed: u64) -> Schedule {
    let start = Checkpoint::start(Uuid::nil());
    Schedule::new(start, BTreeSet::new(), ATTEMPTS, Rng::with_seed(seed))
}

fn cart(number: u64) -> Uuid {
    Uuid::from_u128(number.into())
}

fn at(position: u64) -> Checkpoint {
    Checkpoint {
        position: Position(position),
        ..Checkpoint::start(Uuid::nil())
    }
}

fn delivery(cart: Uuid, position: u64) -> Delivery {
    let written_at = Timestamp::from_millis(0);
    Delivery {
        cart,
        position: Position(position),
        hash: Hash::ZERO,
        written_at,
        events: [Arc::new(PublicEvent {
            id: position.to_string(),
            kind: PublicType::CartExpired,
            cart,
            position: Position(position),
            recorded_at: written_at,
            span: None,
            json: String::new(),
        })]
        .into(),
    }
}

fn failed(blame: Blame) -> Outcome {
    Outcome::Failed(Failure {
        reason: "a failure of the test".to_owned(),
        blame,
        retry_after: None,
    })
}

/// Contract (service): Whatever fails, a webhook's events of one cart are delivered in order, and
/// one that is never accepted parks its cart alone.
#[test]
fn webhook_schedule_keeps_order_and_loses_nothing() {
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let mut schedule = schedule(seed);
        let mut now = Instant::now();
        let (mut delivered, mut parked) = (Vec::new(), BTreeMap::new());
        let mut in_flight: Vec<Arc<PublicEvent>> = Vec::new();
        let mut next = 1;
        let mut steps = 0;
        while next <= 60 || !in_flight.is_empty() || schedule.settled().position.0 < 60 {
            steps += 1;
            assert!(steps < 100_000, "seed {seed} does not end");
            if next <= 60 && rng.bool() {
                let change = schedule.add(delivery(cart(rng.u64(0..6)), next), at(next), now);
                note(change.as_ref(), &mut parked);
                next += 1;
            }
            if in_flight.len() < 4
                && let Some(event) = schedule.start(now)
            {
                assert!(in_flight.iter().all(|other| other.cart != event.cart));
                in_flight.push(event);
            } else if !in_flight.is_empty() {
                let event = in_flight.swap_remove(rng.usize(0..in_flight.len()));
                // Every ninth event is poison, and the receiver fails at random.
                let outcome = match (event.position.0 % 9, rng.u8(0..4)) {
                    (0, _) => failed(Blame::Event),
                    (_, 0) => failed(Blame::Receiver),
                    _ => Outcome::Delivered,
                };
                for change in schedule.complete(event.cart, &outcome, now) {
                    if let Change::Delivered { cart, position, .. } = change {
                        delivered.push((cart, position));
                    } else {
                        note(Some(&change), &mut parked);
                    }
                }
            } else {
                now = schedule
                    .next_due()
                    .unwrap_or(now)
                    .max(now + Duration::from_millis(1));
            }
        }
        let all: BTreeSet<u64> = delivered
            .iter()
            .map(|(_, position)| position.0)
            .chain(parked.keys().copied())
            .collect();
        assert_eq!(all, (1..=60).collect(), "seed {seed}");
        assert_eq!(delivered.len() + parked.len(), 60, "seed {seed}");
        for number in 0..6 {
            let of_cart = delivered.iter().filter(|(it, _)| *it == cart(number));
            assert!(of_cart.is_sorted_by_key(|(_, position)| position.0));
            // What is parked of a cart comes after all that was delivered of it.
            let last = delivered.iter().rfind(|(it, _)| *it == cart(number));
            let first = parked.iter().find(|(_, it)| **it == cart(number));
            if let (Some((_, last)), Some((first, _))) = (last, first) {
                assert!(last.0 < *first, "seed {seed}");
            }
        }
    }
}

fn note(change: Option<&Change>, parked: &mut BTreeMap<u64, Uuid>) {
    if let Some(Change::Parked { cart, position, .. }) = change {
        parked.insert(position.0, *cart);
    }
}

/// Contract (service): A receiver that is down parks no cart, however long it is: everything is
/// delivered once it is back.
#[test]
fn webhook_receiver_that_is_down_parks_nothing() {
    let mut schedule = schedule(1);
    let started = Instant::now();
    let mut now = started;
    for number in 1..=20 {
        let parked = schedule.add(delivery(cart(number), number), at(number), now);
        assert_eq!(parked, None);
    }
    let mut attempts = 0;
    while now < started + Duration::from_hours(1) {
        while let Some(event) = schedule.start(now) {
            attempts += 1;
            let changes = schedule.complete(event.cart, &failed(Blame::Receiver), now);
            assert_eq!(changes, []);
        }
        now = schedule.next_due().expect("an attempt");
    }
    // Once it is known to be down, a probe a minute is enough.
    assert!(attempts < 200, "{attempts} attempts");
    let mut delivered = 0;
    while delivered < 20 {
        while let Some(event) = schedule.start(now) {
            delivered += schedule
                .complete(event.cart, &Outcome::Delivered, now)
                .len();
        }
        now = schedule.next_due().unwrap_or(now);
    }
    assert!(now < started + Duration::from_mins(62));
    assert_eq!(schedule.settled(), at(20));
}

/// A single failing cart does not slow the others down, and has itself to blame.
#[test]
fn webhook_cart_failing_beside_others_is_parked() {
    let mut schedule = schedule(1);
    let mut now = Instant::now();
    let poison = cart(99);
    schedule.add(delivery(poison, 1), at(1), now);
    let mut position = 1;
    let mut failures = 0;
    while !schedule.is_parked(poison) {
        position += 1;
        schedule.add(delivery(cart(position), position), at(position), now);
        while let Some(event) = schedule.start(now) {
            let outcome = if event.cart == poison {
                failures += 1;
                failed(Blame::Receiver)
            } else {
                Outcome::Delivered
            };
            schedule.complete(event.cart, &outcome, now);
        }
        assert!(schedule.receiver().paused_until().is_none());
        now = schedule.next_due().unwrap_or(now) + Duration::from_millis(1);
    }
    // The first two may be the receiver's: no other cart got through between them.
    assert!(failures <= ATTEMPTS + 2, "{failures} failures");
    assert_eq!(schedule.settled(), at(position));
    let later = schedule.add(delivery(poison, position + 1), at(position + 1), now);
    assert!(matches!(later, Some(Change::Parked { .. })));
    schedule.unpark(
        poison,
        vec![delivery(poison, 1), delivery(poison, position + 1)],
        now,
    );
    let again = schedule.start(now).expect("the first event");
    assert_eq!(again.position, Position(1));
    assert_eq!(schedule.start(now), None);
}

#[test]
fn webhook_waits_as_long_as_the_receiver_asks() {
    let mut schedule = schedule(1);
    let now = Instant::now();
    schedule.add(delivery(cart(1), 1), at(1), now);
    schedule.add(delivery(cart(2), 2), at(2), now);
    let event = schedule.start(now).expect("a delivery");
    let asked = Outcome::Failed(Failure {
        reason: "429".to_owned(),
        blame: Blame::Receiver,
        retry_after: Some(Duration::from_secs(90)),
    });
    schedule.complete(event.cart, &asked, now);
    assert_eq!(schedule.start(now + Duration::from_secs(89)), None);
    assert!(schedule.next_due() >= Some(now + Duration::from_secs(90)));
    assert!(schedule.start(now + Duration::from_secs(90)).is_some());
}
