//! The order process: it reacts to checkouts, to the warehouse's answers, and to deadlines.
//!
//! Its to-do list is the view `orders`, so it has no state of its own and nothing to restore. A
//! step that is taken twice, by another node, after a crash or because the view was behind, finds
//! the order in another state and has no events: the order's version decides, as for any command.

use crate::cart::{Cart, CartEvent, CartModel};
use crate::commands::{CommandContext, CommandError, CommandHandler, SpanParent};
use crate::history::{self, CommitMetadata, EventRef, HistoryError};
use crate::log::{Freshness, LogReader, RecordedEvent, Version};
use crate::orders::event::OrderPlaced;
use crate::orders::{NextStep, OrderCommand, OrderModel, OrderRefusal};
use crate::timestamp::Timestamp;
use crate::views::orders::{self, DueStep};
use crate::views::{Arrivals, Reader, ViewReadError};
use futures_util::StreamExt;
use futures_util::stream;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use uuid::Uuid;

/// Due steps per query of the view.
const PAGE: usize = 256;
/// Steps at the same time: their commits share a sync.
const CONCURRENT: usize = 64;
/// How long to wait after a failure.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest time without a look at the view: deadlines are by a clock that may be set.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// The shortest time between two looks at the view: many checkouts share one.
const PAUSE: Duration = Duration::from_millis(20);

/// Takes the steps of orders.
pub struct OrderProcess {
    pub carts: Arc<CommandHandler<CartModel>>,
    pub orders: Arc<CommandHandler<OrderModel>>,
    pub log: Arc<dyn LogReader>,
    pub arrivals: Arc<Arrivals>,
    /// How long the warehouse may take to answer; `None` if it is not asked.
    pub reserve_within: Option<Duration>,
}

/// Why a step failed. It stays on the list and is taken again.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Views(#[from] ViewReadError),
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Command(#[from] CommandError<OrderRefusal>),
    #[error("cart {0} does not end with the checkout of order {1}")]
    NotCheckedOut(Uuid, Uuid),
}

impl OrderProcess {
    /// Takes steps as they become due, until `stop` is true or dropped.
    pub async fn run(&self, views: &Reader, mut stop: watch::Receiver<bool>) {
        loop {
            let taken = tokio::select! {
                taken = self.take_due_steps(views, Timestamp::now()) => taken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let wait = match taken {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "the order process cannot read its list; it retries");
                    RETRY_AFTER
                }
            };
            tokio::select! {
                () = async {
                    tokio::time::sleep(PAUSE).await;
                    let wait = wait.saturating_sub(PAUSE);
                    // An elapsed wait and an order with another next step both lead to a look.
                    let _ = tokio::time::timeout(wait, self.arrivals.order_steps()).await;
                } => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Takes the steps that are due at `now`. Returns how long to wait for the next one, unless an
    /// order changes before.
    async fn take_due_steps(&self, views: &Reader, now: Timestamp) -> Result<Duration, StepError> {
        views.wait_until_complete(&[orders::NAME]).await;
        let query = views.query(&[orders::NAME], move |tables| {
            let due = orders::due_steps(tables, now, PAGE)?;
            Ok((due, orders::next_due(tables, now)?))
        });
        let (due, next) = query.await?.answer;
        let is_any_due = !due.is_empty();
        stream::iter(due)
            .for_each_concurrent(CONCURRENT, |step| async move {
                if let Err(error) = self.take(step, now).await {
                    let order = step.order;
                    tracing::warn!(%order, %error, "a step of an order failed; it is retried");
                }
            })
            .await;
        // What was due may have failed, or the view has not seen yet that it is done.
        Ok(match next {
            _ if is_any_due => RETRY_AFTER,
            Some(next) => now.until(next).min(LONGEST_WAIT),
            None => LONGEST_WAIT,
        })
    }

    /// Takes one step, which may have been taken before.
    async fn take(&self, due: DueStep, now: Timestamp) -> Result<(), StepError> {
        let (cause, command) = match due.step {
            NextStep::Place => {
                let (cause, placed) = self.order_of(due.cart, due.order, now).await?;
                (cause, OrderCommand::Place(placed))
            }
            NextStep::Confirm => (self.cause(due).await?, OrderCommand::Confirm),
            NextStep::Cancel => (self.cause(due).await?, OrderCommand::Cancel),
            NextStep::TimeOut(_) => (self.cause(due).await?, OrderCommand::TimeOut { now }),
        };
        let metadata = CommitMetadata::of(&cause)?;
        let reaction = EventRef {
            stream: cause.stream,
            version: cause.version.0,
        };
        let context = CommandContext {
            command_id: command_id(reaction, command.name()),
            correlation_id: Some(metadata.correlation_id.unwrap_or(metadata.command_id)),
            trace_id: metadata.trace_id.as_deref().map(str::to_owned),
            span: metadata.span().map(SpanParent::Cause),
            cause: Some(reaction),
            ..CommandContext::new(command.name(), "service")
        };
        self.orders
            .handle(due.order, &command, &context, |_| true)
            .await?;
        Ok(())
    }

    /// The event that a step of a placed order reacts to: the order's newest when it was listed.
    async fn cause(&self, due: DueStep) -> Result<RecordedEvent, StepError> {
        self.event(due.order, due.version)
            .await?
            .ok_or(StepError::NotCheckedOut(due.cart, due.order))
    }

    /// The checkout of the cart `id` as `order`, and the order to place for it.
    async fn order_of(
        &self,
        id: Uuid,
        order: Uuid,
        now: Timestamp,
    ) -> Result<(RecordedEvent, OrderPlaced), StepError> {
        let not_checked_out = || StepError::NotCheckedOut(id, order);
        let (cart, version) = self.carts.state(id).await?;
        let contents = Cart::contents(&cart).ok_or_else(not_checked_out)?;
        let recorded = self.event(id, version.0).await?;
        let recorded = recorded.ok_or_else(not_checked_out)?;
        let CartEvent::CartCheckedOut(checked_out) = history::event_of(&recorded)? else {
            return Err(not_checked_out());
        };
        let reserve_by = self.reserve_within.map(|within| now.after(within));
        let placed = OrderPlaced::of(id, checked_out, contents, reserve_by);
        Ok((recorded, placed))
    }

    /// The event of `stream` at `version`.
    async fn event(
        &self,
        stream: Uuid,
        version: u64,
    ) -> Result<Option<RecordedEvent>, HistoryError> {
        let before = Version(version.saturating_sub(1));
        let read = self.log.read_stream(stream, before, 1, Freshness::Any);
        Ok(read.await?.pop())
    }
}

/// The id of the command called `command` that reacts to `cause`: the same on every node and after
/// a restart. A UUIDv8 (RFC 9562, section 5.8) of a digest.
fn command_id(cause: EventRef, command: &str) -> Uuid {
    let mut sum = Sha256::new();
    sum.update(cause.stream.as_bytes());
    sum.update(cause.version.to_be_bytes());
    sum.update(command.as_bytes());
    let digest: [u8; 32] = sum.finalize().into();
    Uuid::new_v8(*digest.first_chunk().expect("SHA-256 has 32 bytes"))
}
