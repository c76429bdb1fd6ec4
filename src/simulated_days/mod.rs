//! Shopping that is dated over the last days, so that a demo looks like a shop and not like a test.
//!
//! Every command is decided and written by the command handler like a shopper's; only the times of
//! its events are in the past. Carts are written in the order of their openings, a few at a time,
//! so the log's times go back, but never within a cart. Nothing relies on more: order is by
//! position and version, never by clock.

mod batch_key;
mod visit;

pub use batch_key::BatchKey;

use crate::cart::event::CartCheckedOut;
use crate::cart::state::Closure;
use crate::cart::{Cart, CartCommand, CartModel, Refusal, Sku};
use crate::catalogue::Catalogue;
use crate::commands::{CommandContext, CommandError, CommandHandler, Condition};
use crate::decider::Decider;
use crate::history::{CommitMetadata, EventRef, HistoryError};
use crate::id::{new_id, time_of};
use crate::log::{Freshness, LogReader, Version};
use crate::orders::event::OrderPlaced;
use crate::orders::{OrderCommand, OrderModel, OrderRefusal};
use crate::timestamp::Timestamp;
use futures_util::future::ready;
use futures_util::{StreamExt, TryStreamExt, stream};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use uuid::Uuid;
use visit::{CartVisit, Step, Timed};

/// The actor of the commands, which tells them from those of shoppers.
const ACTOR: &str = "simulation";
/// Carts that are filled at the same time: their commits share a sync.
const TOGETHER: usize = 16;

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub carts: u32,
    /// Over how many days up to now the carts are opened.
    pub days: u32,
    /// The same seed repeats the same choices.
    pub seed: u64,
}

/// What was simulated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "SimulatedDays")]
pub struct Summary {
    pub carts: u64,
    /// Carts that were checked out.
    pub checked_out: u64,
    /// Commands that the rules refused.
    pub refused: u64,
    /// Events written, orders included.
    pub events: u64,
    /// Time of the first of these events.
    pub from: Option<Timestamp>,
    /// Time of the last of these events.
    pub to: Option<Timestamp>,
    /// Events that this request has written. A repeat finds the others in the log.
    #[serde(skip)]
    pub written: u64,
}

/// Why a simulation ended early. What it has written stays.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error(transparent)]
    Cart(#[from] CommandError<Refusal>),
    #[error(transparent)]
    Order(#[from] CommandError<OrderRefusal>),
    #[error(transparent)]
    History(#[from] HistoryError),
}

/// Simulates shopping on one log.
pub struct SimulatedDays {
    carts: Arc<CommandHandler<CartModel>>,
    orders: Arc<CommandHandler<OrderModel>>,
    log: Arc<dyn LogReader>,
    /// Idle time after which an open cart expires; `None` for never.
    expire_after: Option<Duration>,
    /// Whether a checkout's order is confirmed at once. Otherwise a warehouse answers, today.
    confirms_at_once: bool,
    /// Held by the simulation that runs: two would mix their times.
    running: Mutex<()>,
}

/// The commands of one simulation.
struct Batch<'a> {
    /// Their correlation id. Its time is the end of the simulated days, so that a repeat finds it.
    id: Uuid,
    key: Option<&'a BatchKey>,
}

/// A cart that exists so far.
struct OpenedCart {
    id: Uuid,
    version: Version,
    /// After its last event.
    state: Arc<Cart>,
}

impl SimulatedDays {
    pub fn new(
        carts: Arc<CommandHandler<CartModel>>,
        orders: Arc<CommandHandler<OrderModel>>,
        log: Arc<dyn LogReader>,
        expire_after: Option<Duration>,
        warehouse_answers_within: Option<Duration>,
    ) -> SimulatedDays {
        let confirms_at_once = carts.model().order_follows && warehouse_answers_within.is_none();
        SimulatedDays {
            carts,
            orders,
            log,
            expire_after,
            confirms_at_once,
            running: Mutex::new(()),
        }
    }

    /// Simulates `plan`, after a simulation that runs already. Under `key` nothing is written that
    /// an earlier request has written under it.
    pub async fn run(
        &self,
        catalogue: &Catalogue,
        plan: Plan,
        key: Option<&BatchKey>,
    ) -> Result<Summary, SimulationError> {
        let _running = self.running.lock().await;
        let earlier = match key {
            Some(key) => self.earlier(key).await?,
            None => None,
        };
        let id = earlier.unwrap_or_else(new_id);
        let batch = Batch { id, key };
        let now = time_of(id).unwrap_or_else(Timestamp::now);
        let mut visits = visit::visits(catalogue, plan, now, self.expire_after).into_iter();
        let Some(first) = visits.next() else {
            return Ok(Summary::default());
        };
        // Alone: a repeat looks for this cart.
        let first = self.visit(catalogue, &batch, first).await?;
        let taken = stream::iter(visits)
            .map(|visit| self.visit(catalogue, &batch, visit))
            .buffer_unordered(TOGETHER);
        taken
            .try_fold(first, |whole, visit| ready(Ok(whole.with(&visit))))
            .await
    }

    /// The correlation id of an earlier simulation under `key`, if there was one.
    async fn earlier(&self, key: &BatchKey) -> Result<Option<Uuid>, SimulationError> {
        let (cart, freshness) = (key.cart(0), Freshness::Linearizable);
        let read = self.log.read_stream(cart, Version(0), 1, freshness).await;
        let Some(opened) = read.map_err(HistoryError::from)?.pop() else {
            return Ok(None);
        };
        Ok(CommitMetadata::of(&opened)?.correlation_id)
    }

    /// Takes the steps of one cart, and sums up what came of them.
    async fn visit(
        &self,
        catalogue: &Catalogue,
        batch: &Batch<'_>,
        visit: CartVisit,
    ) -> Result<Summary, SimulationError> {
        let id = batch.key.map_or_else(new_id, |key| key.cart(visit.number));
        let mut summary = Summary::default();
        let mut cart = OpenedCart {
            id,
            version: Version(0),
            state: Arc::default(),
        };
        for (number, step) in visit.steps.iter().enumerate() {
            let Some(command) = command(catalogue, &step.step, &cart.state) else {
                continue;
            };
            let context = CommandContext {
                recorded_at: Some(step.at),
                correlation_id: Some(batch.id),
                key: batch.key.map(|key| key.step(number)),
                // A repeat finds what was written. What was refused must not be accepted now.
                if_match: Some(Condition::OneOf(vec![cart.version])),
                ..CommandContext::new(command.name(), ACTOR)
            };
            let taken = self.take(&command, &context, &mut cart).await?;
            summary.add(step, &taken);
        }
        Ok(summary)
    }

    /// Takes one step of `cart`, which is changed by it.
    async fn take(
        &self,
        command: &CartCommand,
        context: &CommandContext,
        cart: &mut OpenedCart,
    ) -> Result<Taken, SimulationError> {
        let handled = self.carts.handle(cart.id, command, context, |_| true).await;
        let handled = match handled {
            Ok(handled) => handled,
            Err(CommandError::Refused(_)) => return Ok(Taken::refused()),
            // It was refused, or had nothing to do, at the version that it is decided on.
            Err(CommandError::VersionMismatch { .. }) => {
                return Ok(match self.carts.model().decide(&cart.state, command) {
                    Ok(events) if events.is_empty() => Taken::default(),
                    Ok(_) | Err(_) => Taken::refused(),
                });
            }
            Err(error) => return Err(error.into()),
        };
        let events = handled.version.0.saturating_sub(cart.version.0);
        let mut taken = Taken {
            events,
            written: if handled.replayed { 0 } else { events },
            ..Taken::default()
        };
        cart.version = handled.version;
        cart.state = handled.state;
        let Some(order) = order_of(&cart.state) else {
            return Ok(taken);
        };
        taken.is_checked_out = true;
        if self.confirms_at_once {
            let placed = self.place(order, cart, context).await?;
            taken.events += placed.events;
            taken.written += placed.written;
        }
        Ok(taken)
    }

    /// Places the order of a checkout at its time. The order process would place it today; it
    /// finds nothing left to do.
    async fn place(
        &self,
        order: Uuid,
        cart: &OpenedCart,
        checkout: &CommandContext,
    ) -> Result<Taken, SimulationError> {
        let Some(contents) = cart.state.contents() else {
            return Ok(Taken::default());
        };
        let checked_out = CartCheckedOut {
            order_id: order,
            items_total: contents.items_total(),
            discount: contents.discount(),
            total: contents.total(),
            withdrawn: None,
            order_follows: true,
        };
        let placed = OrderPlaced::of(cart.id, checked_out, contents, None);
        let command = OrderCommand::Place(placed);
        let context = CommandContext {
            recorded_at: checkout.recorded_at,
            correlation_id: checkout.correlation_id,
            cause: Some(EventRef {
                stream: cart.id,
                version: cart.version.0,
            }),
            ..CommandContext::new(command.name(), ACTOR)
        };
        let handled = self.orders.handle(order, &command, &context, |_| true);
        let handled = handled.await?;
        let events = handled.version.0;
        Ok(Taken {
            events,
            written: handled.position.map_or(0, |_| events),
            ..Taken::default()
        })
    }
}

/// The order of a cart that was checked out.
fn order_of(cart: &Cart) -> Option<Uuid> {
    match cart {
        Cart::Closed(closed) => match closed.closure {
            Closure::CheckedOut { order_id } => Some(order_id),
            Closure::Expired => None,
        },
        Cart::NotOpened | Cart::Open(_) => None,
    }
}

/// What came of a step.
#[derive(Default)]
struct Taken {
    events: u64,
    /// Those that were not there before.
    written: u64,
    is_refused: bool,
    is_checked_out: bool,
}

impl Taken {
    fn refused() -> Taken {
        Taken {
            is_refused: true,
            ..Taken::default()
        }
    }
}

impl Summary {
    fn add(&mut self, step: &Timed, taken: &Taken) {
        self.carts += u64::from(matches!(step.step, Step::Open { .. }));
        self.events += taken.events;
        self.written += taken.written;
        self.refused += u64::from(taken.is_refused);
        self.checked_out += u64::from(taken.is_checked_out);
        if taken.events > 0 {
            self.from = self.from.or(Some(step.at));
            self.to = Some(step.at);
        }
    }

    /// Both together.
    fn with(self, other: &Summary) -> Summary {
        Summary {
            carts: self.carts + other.carts,
            checked_out: self.checked_out + other.checked_out,
            refused: self.refused + other.refused,
            events: self.events + other.events,
            written: self.written + other.written,
            from: [self.from, other.from].into_iter().flatten().min(),
            to: self.to.max(other.to),
        }
    }
}

/// The command of `step` on `cart`, or `None` if the cart was never opened.
fn command(catalogue: &Catalogue, step: &Step, cart: &Cart) -> Option<CartCommand> {
    if let Step::Open { token_hash } = step {
        return Some(CartCommand::OpenCart {
            currency: catalogue.currency,
            token_hash: *token_hash,
            items: Vec::new(),
        });
    }
    let contents = cart.contents()?;
    let look_up = |sku: &Sku, quantity| catalogue.look_up(sku.clone(), quantity);
    Some(match step {
        Step::Open { .. } => return None,
        Step::Add { sku, quantity } => CartCommand::AddItem(look_up(sku, *quantity)),
        Step::Set { sku, quantity } => CartCommand::SetQuantity(look_up(sku, *quantity)),
        Step::Remove { sku } => CartCommand::RemoveItem { sku: sku.clone() },
        Step::Undo => CartCommand::Undo,
        Step::Apply { code } => CartCommand::ApplyPromotion {
            promotion: catalogue.promotion(code).cloned(),
        },
        Step::CheckOut => CartCommand::Checkout {
            expected_total: contents.total(),
            order_id: new_id(),
            offers: catalogue.offers().clone(),
        },
        Step::Expire => CartCommand::Expire {
            idle_since: contents.changed_at,
        },
    })
}
