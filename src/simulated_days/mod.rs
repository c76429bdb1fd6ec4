//! Shopping that is dated over the last days, so that a demo looks like a shop and not like a test.
//!
//! Every command is decided and written by the command handler like a shopper's; only the times of
//! its events are in the past. Carts are written in the order of their openings, a few at a time,
//! so the log's times go back, but never within a cart. Nothing relies on more: order is by
//! position and version, never by clock.

mod visit;

use crate::cart::event::CartCheckedOut;
use crate::cart::{Cart, CartCommand, CartModel, Refusal, Sku};
use crate::catalogue::Catalogue;
use crate::commands::{CommandContext, CommandError, CommandHandler};
use crate::history::EventRef;
use crate::id::new_id;
use crate::log::Version;
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
use visit::{Step, Timed};

/// The actor of the commands, which tells them from those of shoppers.
const ACTOR: &str = "simulation";
/// Carts that are filled at the same time: their commits share a sync.
const TOGETHER: usize = 16;

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub carts: u32,
    /// Over how many days up to `now` the carts are opened.
    pub days: u32,
    pub now: Timestamp,
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
}

/// Why a simulation ended early. What it has written stays.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    #[error(transparent)]
    Cart(#[from] CommandError<Refusal>),
    #[error(transparent)]
    Order(#[from] CommandError<OrderRefusal>),
}

/// Simulates shopping on one log.
pub struct SimulatedDays {
    carts: Arc<CommandHandler<CartModel>>,
    orders: Arc<CommandHandler<OrderModel>>,
    /// Idle time after which an open cart expires; `None` for never.
    expire_after: Option<Duration>,
    /// Whether a checkout's order is confirmed at once. Otherwise a warehouse answers, today.
    confirms_at_once: bool,
    /// Held by the simulation that runs: two would mix their times.
    running: Mutex<()>,
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
        expire_after: Option<Duration>,
        warehouse_answers_within: Option<Duration>,
    ) -> SimulatedDays {
        let confirms_at_once = carts.model().order_follows && warehouse_answers_within.is_none();
        SimulatedDays {
            carts,
            orders,
            expire_after,
            confirms_at_once,
            running: Mutex::new(()),
        }
    }

    /// Simulates `plan`, after a simulation that runs already.
    pub async fn run(&self, catalogue: &Catalogue, plan: Plan) -> Result<Summary, SimulationError> {
        let _running = self.running.lock().await;
        let visits = visit::visits(catalogue, plan, self.expire_after);
        let taken = stream::iter(visits)
            .map(|visit| self.visit(catalogue, visit))
            .buffer_unordered(TOGETHER);
        taken
            .try_fold(Summary::default(), |whole, visit| {
                ready(Ok(whole.with(&visit)))
            })
            .await
    }

    /// Takes the steps of one cart, and sums up what came of them.
    async fn visit(
        &self,
        catalogue: &Catalogue,
        steps: Vec<Timed>,
    ) -> Result<Summary, SimulationError> {
        let mut summary = Summary::default();
        let mut opened = None;
        for step in steps {
            let taken = self.take(catalogue, &step, opened.as_ref()).await?;
            summary.add(&step, &taken);
            opened = taken.cart.or(opened);
        }
        Ok(summary)
    }

    /// Takes one step of a cart, which is `opened` unless it is its first.
    async fn take(
        &self,
        catalogue: &Catalogue,
        step: &Timed,
        opened: Option<&OpenedCart>,
    ) -> Result<Taken, SimulationError> {
        let Some(command) = command(catalogue, &step.step, opened) else {
            return Ok(Taken::default());
        };
        let id = opened.map_or_else(new_id, |cart| cart.id);
        let before = opened.map_or(0, |cart| cart.version.0);
        let context = CommandContext {
            recorded_at: Some(step.at),
            ..CommandContext::new(command.name(), ACTOR)
        };
        let handled = self.carts.handle(id, &command, &context, |_| true).await;
        let handled = match handled {
            Ok(handled) => handled,
            Err(CommandError::Refused(_)) => {
                return Ok(Taken {
                    is_refused: true,
                    ..Taken::default()
                });
            }
            Err(error) => return Err(error.into()),
        };
        let mut taken = Taken {
            events: handled.version.0.saturating_sub(before),
            ..Taken::default()
        };
        if let CartCommand::Checkout { order_id, .. } = command {
            taken.is_checked_out = true;
            let reaction = EventRef {
                stream: id,
                version: handled.version.0,
            };
            if self.confirms_at_once {
                taken.events += self
                    .place(order_id, &handled.state, &context, reaction)
                    .await?;
            }
        }
        taken.cart = Some(OpenedCart {
            id,
            version: handled.version,
            state: handled.state,
        });
        Ok(taken)
    }

    /// Places the order of a checkout at its time. The order process would place it today; it
    /// finds nothing left to do. Returns the number of events.
    async fn place(
        &self,
        order: Uuid,
        cart: &Cart,
        checkout: &CommandContext,
        reaction: EventRef,
    ) -> Result<u64, SimulationError> {
        let Some(contents) = cart.contents() else {
            return Ok(0);
        };
        let checked_out = CartCheckedOut {
            order_id: order,
            items_total: contents.items_total(),
            discount: contents.discount(),
            total: contents.total(),
            withdrawn: None,
            order_follows: true,
        };
        let placed = OrderPlaced::of(reaction.stream, checked_out, contents, None);
        let command = OrderCommand::Place(placed);
        let context = CommandContext {
            recorded_at: checkout.recorded_at,
            correlation_id: Some(checkout.command_id),
            cause: Some(reaction),
            ..CommandContext::new(command.name(), ACTOR)
        };
        let handled = self.orders.handle(order, &command, &context, |_| true);
        Ok(handled.await?.version.0)
    }
}

/// What came of a step.
#[derive(Default)]
struct Taken {
    cart: Option<OpenedCart>,
    events: u64,
    is_refused: bool,
    is_checked_out: bool,
}

impl Summary {
    fn add(&mut self, step: &Timed, taken: &Taken) {
        self.carts += u64::from(matches!(step.step, Step::Open { .. }));
        self.events += taken.events;
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
            from: [self.from, other.from].into_iter().flatten().min(),
            to: self.to.max(other.to),
        }
    }
}

/// The command of `step`, or `None` if the cart was never opened.
fn command(catalogue: &Catalogue, step: &Step, opened: Option<&OpenedCart>) -> Option<CartCommand> {
    if let Step::Open { token_hash } = step {
        return Some(CartCommand::OpenCart {
            currency: catalogue.currency,
            token_hash: *token_hash,
            items: Vec::new(),
        });
    }
    let contents = opened?.state.contents()?;
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
