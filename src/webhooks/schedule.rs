//! Which delivery is made next. Pure: the time is an argument, and nothing is sent or stored here.
//!
//! The deliveries of a cart are made one after the other, those of several carts at the same time.
//! A cart whose delivery keeps failing is parked: it waits for the operator, and all others go on.

use super::client::{Blame, Failure, Outcome};
use super::receiver::ReceiverHealth;
use crate::backoff::backoff;
use crate::log::{Checkpoint, Hash, Position};
use crate::public_events::PublicEvent;
use crate::timestamp::Timestamp;
use fastrand::Rng;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;

/// Deliveries in memory at most; a receiver that is slower lets the rest wait in the log.
pub const WINDOW: usize = 1_024;

/// The public events of one position, which are delivered together.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub cart: Uuid,
    pub position: Position,
    /// The hash of the stored event, which names the history that it is in.
    pub hash: Hash,
    /// See [`crate::history::written_at`].
    pub written_at: Timestamp,
    /// In the order in which they are sent; those that were sent are removed.
    pub events: VecDeque<Arc<PublicEvent>>,
}

/// What has to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The receiver has the events of this position.
    Delivered {
        cart: Uuid,
        position: Position,
        hash: Hash,
    },
    /// The event waits for the operator, since a delivery of its cart keeps failing.
    Parked {
        cart: Uuid,
        position: Position,
        hash: Hash,
        reason: String,
    },
}

/// The deliveries of one cart.
#[derive(Debug, Default)]
struct CartQueue {
    deliveries: VecDeque<Delivery>,
    /// When the first of them is due; `None` while it is being made.
    due: Option<Instant>,
    /// Failed attempts of the first in a row.
    failures: u32,
    /// Those of them for which the event is to blame.
    strikes: u32,
    /// [`ReceiverHealth::delivered`] at the last failure.
    delivered_then: u64,
}

/// The deliveries of one webhook.
#[derive(Debug)]
pub struct Schedule {
    carts: HashMap<Uuid, CartQueue>,
    /// The carts with a due delivery, by its time.
    due: BTreeSet<(Instant, Uuid)>,
    in_flight: usize,
    parked: BTreeSet<Uuid>,
    /// What is read and neither delivered nor parked, each with the checkpoint right before it and
    /// its time.
    open: BTreeMap<Position, (Checkpoint, Timestamp)>,
    read: Checkpoint,
    receiver: ReceiverHealth,
    /// How many strikes park a cart.
    attempts: u32,
    rng: Rng,
}

impl Schedule {
    /// Nothing is read beyond `read`, and `parked` are the carts that wait for the operator.
    pub fn new(read: Checkpoint, parked: BTreeSet<Uuid>, attempts: u32, rng: Rng) -> Schedule {
        Schedule {
            carts: HashMap::new(),
            due: BTreeSet::new(),
            in_flight: 0,
            parked,
            open: BTreeMap::new(),
            read,
            receiver: ReceiverHealth::default(),
            attempts,
            rng,
        }
    }

    /// Whether as many more deliveries fit into memory.
    pub fn has_room_for(&self, deliveries: usize) -> bool {
        self.open.len() + deliveries <= WINDOW
    }

    /// How far the log is read.
    pub fn read(&self) -> Checkpoint {
        self.read
    }

    /// Up to where everything is delivered, parked, or of no interest.
    pub fn settled(&self) -> Checkpoint {
        let first = self.open.first_key_value();
        first.map_or(self.read, |(_, (before, _))| *before)
    }

    /// The time of the oldest event that is neither delivered nor parked.
    pub fn oldest_open(&self) -> Option<Timestamp> {
        self.open.first_key_value().map(|(_, (_, at))| *at)
    }

    pub fn receiver(&self) -> &ReceiverHealth {
        &self.receiver
    }

    pub fn in_flight(&self) -> usize {
        self.in_flight
    }

    pub fn parked_carts(&self) -> usize {
        self.parked.len()
    }

    pub fn is_parked(&self, cart: Uuid) -> bool {
        self.parked.contains(&cart)
    }

    /// Notes that the log is read up to `read`, where there is nothing to deliver.
    pub fn skip(&mut self, read: Checkpoint) {
        self.read = read;
    }

    /// Adds what was read at `read`. If its cart is parked, it has to be parked too.
    pub fn add(&mut self, delivery: Delivery, read: Checkpoint, now: Instant) -> Option<Change> {
        let before = std::mem::replace(&mut self.read, read);
        if self.parked.contains(&delivery.cart) {
            return Some(Change::Parked {
                cart: delivery.cart,
                position: delivery.position,
                hash: delivery.hash,
                reason: "an earlier event of the cart is parked".to_owned(),
            });
        }
        let open = (before, delivery.written_at);
        self.open.insert(delivery.position, open);
        self.enqueue(delivery, now);
        None
    }

    /// Delivers a parked cart again: `deliveries` are all of its parked ones, by position.
    pub fn unpark(&mut self, cart: Uuid, deliveries: Vec<Delivery>, now: Instant) {
        self.parked.remove(&cart);
        self.receiver.resume();
        for delivery in deliveries {
            self.enqueue(delivery, now);
        }
    }

    /// Forgets that `cart` is parked; what it had parked is dropped.
    pub fn forget(&mut self, cart: Uuid) {
        self.parked.remove(&cart);
    }

    fn enqueue(&mut self, delivery: Delivery, now: Instant) {
        let cart = delivery.cart;
        let queue = self.carts.entry(cart).or_default();
        queue.deliveries.push_back(delivery);
        if queue.deliveries.len() == 1 {
            queue.due = Some(now);
            self.due.insert((now, cart));
        }
    }

    /// The delivery to be made now, if one is due. It counts as being made until
    /// [`Schedule::complete`].
    pub fn start(&mut self, now: Instant) -> Option<Arc<PublicEvent>> {
        let is_paused = self
            .receiver
            .paused_until()
            .is_some_and(|until| now < until);
        if is_paused || (self.receiver.is_down() && self.in_flight > 0) {
            return None;
        }
        let (due, cart) = *self.due.first()?;
        if due > now {
            return None;
        }
        self.due.remove(&(due, cart));
        let queue = self.carts.get_mut(&cart)?;
        queue.due = None;
        self.in_flight += 1;
        queue.deliveries.front()?.events.front().cloned()
    }

    /// When [`Schedule::start`] has to be asked again, unless a delivery ends before.
    pub fn next_due(&self) -> Option<Instant> {
        if self.receiver.is_down() && self.in_flight > 0 {
            return None;
        }
        let (due, _) = self.due.first()?;
        Some(
            self.receiver
                .paused_until()
                .map_or(*due, |until| until.max(*due)),
        )
    }

    /// Notes how the delivery for `cart` ended. Returns what has to be stored.
    pub fn complete(&mut self, cart: Uuid, outcome: &Outcome, now: Instant) -> Vec<Change> {
        self.in_flight -= 1;
        match outcome {
            Outcome::Delivered => self.delivered(cart, now),
            Outcome::Failed(failure) => self.failed(cart, failure, now),
        }
    }

    fn delivered(&mut self, cart: Uuid, now: Instant) -> Vec<Change> {
        if self.receiver.record_delivery() {
            self.retry_innocent(now);
        }
        let Some(queue) = self.carts.get_mut(&cart) else {
            return Vec::new();
        };
        (queue.failures, queue.strikes) = (0, 0);
        let mut changes = Vec::new();
        if let Some(first) = queue.deliveries.front_mut() {
            first.events.pop_front();
            if first.events.is_empty() {
                let (position, hash) = (first.position, first.hash);
                queue.deliveries.pop_front();
                self.open.remove(&position);
                changes.push(Change::Delivered {
                    cart,
                    position,
                    hash,
                });
            }
        }
        if queue.deliveries.is_empty() {
            self.carts.remove(&cart);
        } else {
            queue.due = Some(now);
            self.due.insert((now, cart));
        }
        changes
    }

    /// The receiver is back: all carts that waited only for it are due.
    fn retry_innocent(&mut self, now: Instant) {
        for (cart, queue) in &mut self.carts {
            if let Some(due) = queue.due
                && queue.strikes == 0
                && due > now
            {
                self.due.remove(&(due, *cart));
                queue.due = Some(now);
                self.due.insert((now, *cart));
            }
        }
    }

    fn failed(&mut self, cart: Uuid, failure: &Failure, now: Instant) -> Vec<Change> {
        let delivered = self.receiver.delivered();
        self.receiver
            .record_failure(cart, failure, now, &mut self.rng);
        let Some(queue) = self.carts.get_mut(&cart) else {
            return Vec::new();
        };
        // Others got through since the last attempt, so the receiver is there.
        let others_delivered = queue.failures > 0 && delivered > queue.delivered_then;
        queue.delivered_then = delivered;
        queue.failures = queue.failures.saturating_add(1);
        if failure.blame == Blame::Event || others_delivered {
            queue.strikes += 1;
        }
        if queue.strikes >= self.attempts {
            return self.park(cart, &failure.reason);
        }
        let wait = backoff(queue.failures, &mut self.rng);
        let due = now + wait.max(failure.retry_after.unwrap_or_default());
        queue.due = Some(due);
        self.due.insert((due, cart));
        Vec::new()
    }

    fn park(&mut self, cart: Uuid, reason: &str) -> Vec<Change> {
        self.parked.insert(cart);
        let queue = self.carts.remove(&cart).unwrap_or_default();
        let parked = queue.deliveries.into_iter().map(|delivery| {
            self.open.remove(&delivery.position);
            Change::Parked {
                cart,
                position: delivery.position,
                hash: delivery.hash,
                reason: reason.to_owned(),
            }
        });
        parked.collect()
    }
}
