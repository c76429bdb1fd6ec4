//! The deliverer of one webhook: it reads the log, sends what is due, and stores what came of it.
//!
//! An event is taken for delivered only after the receiver's 2xx, and the next one of its cart is
//! sent only after that is durable. So a crash repeats at most what was being sent.

use super::client::{Blame, Client, Failure, Outcome};
use super::handle::{Activity, Command, ParkedCart, WebhookStatus};
use super::meter::{Counted, Meter};
use super::schedule::{Change, Delivery, Schedule};
use super::settings::WebhookSettings;
use super::store::{ParkedEvent, Store};
use crate::history;
use crate::log::{Checkpoint, Hash, LogReader, Position, RecordedEvent};
use crate::public_events::{may_be_public, public_events};
use crate::timestamp::Timestamp;
use fastrand::Rng;
use futures_util::future::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};
use uuid::Uuid;

/// Stored events per read of the log, for which there must be room: a read for less would be
/// repeated after each delivery while a receiver is behind.
const PAGE: usize = 256;
/// Reads of the log before deliveries that have ended are looked at.
const READS: usize = 16;
/// The pause after the log could not be read or the state not be stored.
const RETRY: Duration = Duration::from_secs(1);
/// Events of no interest after which the checkpoint is stored all the same.
const UNSAVED: u64 = 1_000;
/// The least time between two warnings that the receiver fails.
const WARN_AGAIN: Duration = Duration::from_mins(1);
/// How long a shutdown waits for deliveries that are being made.
const GRACE: Duration = Duration::from_secs(2);

type InFlight = FuturesUnordered<JoinHandle<(Uuid, Outcome)>>;

/// Delivers the events of one webhook.
pub(super) struct Deliverer {
    settings: Arc<WebhookSettings>,
    log: Arc<dyn LogReader>,
    store: Rc<RefCell<Store>>,
    client: Client,
    meter: Arc<Meter>,
    schedule: Schedule,
    /// What need not be delivered although it is beyond the checkpoint.
    known: HashMap<Position, Hash>,
    /// What is not stored yet.
    changes: Vec<Change>,
    saved: Position,
    /// Why the log cannot be read or the state not be stored.
    problem: Option<String>,
    /// When it was logged last that the receiver fails.
    warned_at: Option<Instant>,
}

impl Deliverer {
    /// A deliverer that continues where the webhook is in `store`, which is `start`.
    pub(super) fn new(
        settings: Arc<WebhookSettings>,
        log: Arc<dyn LogReader>,
        store: Rc<RefCell<Store>>,
        meter: Arc<Meter>,
        client: Client,
        start: Checkpoint,
        rng: Rng,
    ) -> rusqlite::Result<Deliverer> {
        let (known, parked) = {
            let store = store.borrow();
            (store.known(&settings.name)?, store.parked(&settings.name)?)
        };
        let parked = parked.iter().map(|event| event.cart).collect();
        Ok(Deliverer {
            client,
            schedule: Schedule::new(start, parked, settings.attempts, rng),
            settings,
            log,
            store,
            meter,
            known,
            changes: Vec::new(),
            saved: start.position,
            problem: None,
            warned_at: None,
        })
    }

    /// Delivers until `stop` is true or dropped.
    pub(super) async fn run(
        mut self,
        mut commands: mpsc::Receiver<Command>,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut wake_ups = self.log.wake_ups();
        let mut in_flight = InFlight::new();
        loop {
            wake_ups.borrow_and_update();
            self.problem = None;
            let has_more = self.read().await;
            self.save(false);
            self.start(&mut in_flight);
            self.publish();
            let next_due = self.next_due();
            tokio::select! {
                Some(ended) = in_flight.next() => self.complete(ended, &mut in_flight),
                Ok(()) = wake_ups.changed(), if self.schedule.has_room_for(PAGE) => {}
                () = tokio::task::yield_now(), if has_more => {}
                () = tokio::time::sleep_until(next_due.into()) => {}
                Some(command) = commands.recv() => self.obey(command).await,
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        let ended = async {
            while let Some(ended) = in_flight.next().await {
                self.complete(ended, &mut in_flight);
            }
        };
        // What has not ended by then is delivered again after the next start.
        let _ = tokio::time::timeout(GRACE, ended).await;
        self.save(true);
    }

    /// Reads what there is room for. Returns whether there may be more.
    async fn read(&mut self) -> bool {
        for _ in 0..READS {
            if !self.schedule.has_room_for(PAGE) {
                return false;
            }
            match self.read_page().await {
                Ok(read) if read < PAGE => return false,
                Ok(_) => {}
                Err(reason) => {
                    self.fail(reason);
                    return false;
                }
            }
        }
        true
    }

    async fn read_page(&mut self) -> Result<usize, String> {
        let read = self.schedule.read();
        let page = self.log.read_all(read.position, PAGE).await;
        let page = page.map_err(|error| error.to_string())?;
        for recorded in &page {
            let read = self.schedule.read().after(recorded);
            let is_known = self.known.remove(&recorded.position) == Some(recorded.hash);
            if is_known || !may_be_public(recorded, &self.settings.types) {
                self.schedule.skip(read);
                continue;
            }
            let delivery = self.delivery(recorded).await?;
            if delivery.events.is_empty() {
                self.schedule.skip(read);
                continue;
            }
            let parked = self.schedule.add(delivery, read, Instant::now());
            self.changes.extend(parked);
        }
        Ok(page.len())
    }

    async fn delivery(&self, recorded: &RecordedEvent) -> Result<Delivery, String> {
        let events = public_events(&*self.log, recorded, &self.settings.types).await;
        let events = events.map_err(|error| error.to_string())?;
        Ok(Delivery {
            cart: events.first().map_or(recorded.stream, |event| event.cart),
            position: recorded.position,
            hash: recorded.hash,
            written_at: history::written_at(recorded),
            events: events.into_iter().map(Arc::new).collect(),
        })
    }

    /// Stores what has changed. The checkpoint alone is stored only now and then, unless `all`.
    fn save(&mut self, all: bool) {
        let settled = self.schedule.settled();
        let moved = settled.position.0.saturating_sub(self.saved.0);
        if self.changes.is_empty() && !(all && moved > 0) && moved < UNSAVED {
            return;
        }
        let mut store = self.store.borrow_mut();
        let now = Timestamp::now();
        let applied = store.apply(&self.settings.name, &self.changes, settled, now);
        drop(store);
        match applied {
            Ok(()) => {
                self.changes.clear();
                self.saved = settled.position;
            }
            Err(error) => self.fail(format!("the state of deliveries cannot be stored: {error}")),
        }
    }

    fn fail(&mut self, reason: String) {
        tracing::warn!(
            webhook = self.settings.name,
            reason,
            "webhook failed; retrying in 1 s"
        );
        self.problem = Some(reason);
    }

    /// Warns that the receiver does not take events, now and then.
    fn warn_of(&mut self, failure: &Failure) {
        let now = Instant::now();
        let is_due = self.warned_at.is_none_or(|at| now >= at + WARN_AGAIN);
        if failure.blame != Blame::Event && is_due {
            let (webhook, reason) = (&self.settings.name, &failure.reason);
            tracing::warn!(webhook, reason, "the receiver of a webhook fails; retrying");
            self.warned_at = Some(now);
        }
    }

    /// Starts what is due, unless something is not durable yet.
    fn start(&mut self, in_flight: &mut InFlight) {
        if !self.changes.is_empty() {
            return;
        }
        while in_flight.len() < self.settings.concurrency
            && let Some(event) = self.schedule.start(Instant::now())
        {
            let client = self.client.clone();
            in_flight.push(spawn_blocking(move || (event.cart, client.send(&event))));
        }
    }

    /// When there is something to do without any news.
    fn next_due(&self) -> Instant {
        let now = Instant::now();
        if self.problem.is_some() {
            return now + RETRY;
        }
        let is_full = self.schedule.in_flight() >= self.settings.concurrency;
        let due = if is_full {
            None
        } else {
            self.schedule.next_due()
        };
        due.unwrap_or(now + Duration::from_mins(1))
    }

    /// Notes the delivery that has ended, and all others that have.
    fn complete(
        &mut self,
        ended: Result<(Uuid, Outcome), tokio::task::JoinError>,
        in_flight: &mut InFlight,
    ) {
        let mut next = Some(ended);
        while let Some(ended) = next {
            let (cart, outcome) = ended.expect("the client does not panic");
            let counted = match &outcome {
                Outcome::Delivered => Counted::Delivered,
                Outcome::Failed(_) => Counted::Failed,
            };
            self.meter.count(counted, 1);
            let changes = self.schedule.complete(cart, &outcome, Instant::now());
            if let Outcome::Failed(failure) = &outcome {
                let (webhook, reason) = (&self.settings.name, &failure.reason);
                if self.schedule.is_parked(cart) {
                    self.meter.count(Counted::Parked, 1);
                    tracing::warn!(webhook, %cart, reason, "webhook failed; the cart is parked");
                } else {
                    tracing::debug!(webhook, %cart, reason, "webhook failed; retrying");
                    self.warn_of(failure);
                }
            }
            self.changes.extend(changes);
            next = in_flight.next().now_or_never().flatten();
        }
    }

    fn publish(&self) {
        self.meter.set_oldest(self.schedule.oldest_open());
        self.meter.set_parked(self.schedule.parked_carts());
    }

    async fn obey(&mut self, command: Command) {
        // A client that has gone does not wait for the reply.
        match command {
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Parked(reply) => {
                let _ = reply.send(self.parked_carts());
            }
            Command::Retry(cart, reply) => {
                let _ = reply.send(self.retry(cart).await);
            }
            Command::Drop(cart, reason, reply) => {
                let _ = reply.send(self.drop_cart(cart, &reason));
            }
        }
    }

    fn status(&self) -> WebhookStatus {
        let receiver = self.schedule.receiver();
        let is_waiting = receiver.is_down() || receiver.paused_until() > Some(Instant::now());
        WebhookStatus {
            activity: match self.schedule.oldest_open() {
                _ if self.problem.is_some() => Activity::Stopped,
                Some(_) if is_waiting => Activity::Waiting,
                Some(_) => Activity::Delivering,
                None => Activity::Idle,
            },
            position: self.schedule.settled().position,
            lag: self.meter.lag(),
            parked_carts: self.schedule.parked_carts(),
            last_error: (self.problem.clone()).or(receiver.last_error().map(str::to_owned)),
        }
    }

    fn parked_carts(&self) -> Result<Vec<ParkedCart>, String> {
        let mut carts: BTreeMap<Uuid, ParkedCart> = BTreeMap::new();
        for event in self.stored_as_parked()? {
            if !self.schedule.is_parked(event.cart) {
                continue;
            }
            let cart = carts.entry(event.cart).or_insert_with(|| ParkedCart {
                cart_id: event.cart,
                positions: Vec::new(),
                parked_at: event.parked_at,
                reason: event.reason,
            });
            cart.positions.push(event.position);
        }
        Ok(carts.into_values().collect())
    }

    fn stored_as_parked(&self) -> Result<Vec<ParkedEvent>, String> {
        let parked = self.store.borrow().parked(&self.settings.name);
        parked.map_err(|error| error.to_string())
    }

    async fn retry(&mut self, cart: Uuid) -> Result<bool, String> {
        self.save(false);
        if !self.schedule.is_parked(cart) || !self.changes.is_empty() {
            return Ok(false);
        }
        let mut deliveries = Vec::new();
        for event in self.stored_as_parked()? {
            if event.cart != cart {
                continue;
            }
            let found = self.log.event_at(event.position).await;
            let found = found.map_err(|error| error.to_string())?;
            let delivery = match found.filter(|recorded| recorded.hash == event.hash) {
                Some(recorded) => Some(self.delivery(&recorded).await?),
                None => None,
            };
            match delivery.filter(|delivery| !delivery.events.is_empty()) {
                Some(delivery) => deliveries.push(delivery),
                // The log was restored from a backup, or the webhook has other types by now.
                None => self.changes.push(Change::Delivered {
                    cart,
                    position: event.position,
                    hash: event.hash,
                }),
            }
        }
        tracing::info!(webhook = self.settings.name, %cart, "delivering a parked cart again");
        self.schedule.unpark(cart, deliveries, Instant::now());
        Ok(true)
    }

    fn drop_cart(&mut self, cart: Uuid, reason: &str) -> Result<bool, String> {
        self.save(false);
        if !self.schedule.is_parked(cart) || !self.changes.is_empty() {
            return Ok(false);
        }
        let mut store = self.store.borrow_mut();
        let dropped = store.drop_cart(&self.settings.name, cart, reason, Timestamp::now());
        let dropped = dropped.map_err(|error| error.to_string())?;
        drop(store);
        self.schedule.forget(cart);
        self.meter.count(Counted::Dropped, dropped);
        let webhook = &self.settings.name;
        tracing::warn!(webhook, %cart, dropped, reason, "dropped parked events");
        Ok(true)
    }
}
