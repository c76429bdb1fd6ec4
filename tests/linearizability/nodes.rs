//! Commands to nodes in this process, on one log; and a log in memory that takes its time: a right
//! one, or one that writes at the stream's end whatever version was expected.

use crate::cart::{Answer, Change, SKUS};
use crate::shoppers::{Counter, Reply};
use async_trait::async_trait;
use cartlog::cart::{
    Cart, CartCommand, CartModel, Currency, Money, Offer, Refusal, RequestedItem, Sku,
};
use cartlog::commands::{
    CommandContext, CommandError, CommandHandler, Condition, Handled, IdempotencyKey,
};
use cartlog::log::{
    AppendError, Appended, Commit, EventLog, Freshness, LogReader, LogWriter, Position, ReadError,
    RecordedEvent, Version,
};
use cartlog_testkit::memory_log::{MemoryLog, recommit};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::yield_now;
use uuid::Uuid;

pub const CART: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);

/// A log that takes its time, so that commands meet.
pub struct Slow {
    pub log: Arc<MemoryLog>,
    pub checks_versions: bool,
}

#[async_trait]
impl LogWriter for Slow {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        yield_now().await;
        yield_now().await;
        let outcome = self.log.append(commit.clone()).await;
        if self.checks_versions || !matches!(outcome, Err(AppendError::Conflict { .. })) {
            return outcome;
        }
        let head = self.log.head(commit.stream());
        self.log.append(recommit(&commit, head, usize::MAX)).await
    }

    fn close(&self) {
        self.log.close();
    }
}

#[async_trait]
impl LogReader for Slow {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        yield_now().await;
        self.log.read_stream(stream, after, limit, freshness).await
    }

    async fn read_all(
        &self,
        after: Position,
        limit: usize,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        self.log.read_all(after, limit).await
    }

    async fn barrier(&self) -> Result<Position, ReadError> {
        self.log.barrier().await
    }

    fn identity(&self) -> Uuid {
        self.log.identity()
    }

    fn wake_ups(&self) -> watch::Receiver<Position> {
        self.log.wake_ups()
    }
}

/// A process with a cache of its own.
pub struct Node(CommandHandler<CartModel>);

impl Node {
    pub fn on(log: Arc<dyn EventLog>) -> Node {
        Node(CommandHandler::new(CartModel::default(), log, 1 << 20))
    }

    pub async fn open(&self) {
        let open = CartCommand::OpenCart {
            currency: Currency::EUR,
            token_hash: [0; 32],
            items: Vec::new(),
        };
        self.handle(&open, None, None).await.expect("an empty cart");
    }

    async fn handle(
        &self,
        command: &CartCommand,
        if_match: Option<u64>,
        key: Option<&str>,
    ) -> Result<Handled<Cart>, CommandError<Refusal>> {
        let context = CommandContext {
            key: key
                .map(|key| IdempotencyKey::new(&[7; 32].into(), key, &[command.name().as_bytes()])),
            if_match: if_match.map(|version| Condition::OneOf(vec![Version(version)])),
            ..CommandContext::new(command.name(), "shopper")
        };
        self.0.handle(CART, command, &context, |_| true).await
    }
}

impl Counter for Node {
    async fn send(&self, change: Change, if_match: Option<u64>, key: Option<&str>) -> Reply {
        match self.handle(&command(change), if_match, key).await {
            Ok(handled) => {
                let contents = handled.state.contents().expect("an opened cart");
                Reply::Answered(Answer::Done {
                    version: handled.version.0,
                    quantities: SKUS.map(|name| contents.quantity(&sku(name))),
                })
            }
            Err(CommandError::Refused(Refusal::NoSuchLine { .. })) => {
                Reply::Answered(Answer::NoSuchLine)
            }
            Err(CommandError::Refused(Refusal::NothingToUndo)) => {
                Reply::Answered(Answer::NothingToUndo)
            }
            Err(CommandError::VersionMismatch { current }) => {
                Reply::Answered(Answer::Mismatch { current: current.0 })
            }
            Err(CommandError::Unknown(_)) => Reply::Lost,
            Err(CommandError::NotWritten(_)) => Reply::NotDone,
            Err(error) => panic!("{change:?}: {error}"),
        }
    }

    async fn opens_again(&self) {
        yield_now().await;
    }
}

fn command(change: Change) -> CartCommand {
    match change {
        Change::Add(name, quantity) => {
            CartCommand::AddItem(RequestedItem::offered(offer(SKUS[name]), quantity))
        }
        Change::Set(name, quantity) => {
            CartCommand::SetQuantity(RequestedItem::offered(offer(SKUS[name]), quantity))
        }
        Change::Remove(name) => CartCommand::RemoveItem {
            sku: sku(SKUS[name]),
        },
        Change::Clear => CartCommand::ClearCart,
        Change::Undo => CartCommand::Undo,
    }
}

fn offer(name: &str) -> Offer {
    Offer {
        sku: sku(name),
        name: name.into(),
        unit_price: Money::from_minor(100),
        currency: Currency::EUR,
        max_per_cart: None,
    }
}

fn sku(name: &str) -> Sku {
    Sku::parse(name).expect("a sku")
}
