//! Nodes on one log with injected failures, and their commands.

use async_trait::async_trait;
use cartlog::background::Background;
use cartlog::cart::{
    Cart, CartCommand, CartModel, Currency, Money, Offer, Refusal, RequestedItem, Sku,
};
use cartlog::commands::{
    CommandContext, CommandError, CommandHandler, Condition, Handled, IdempotencyKey,
};
use cartlog::log::sqlite::{SqliteLog, SqliteLogSettings};
use cartlog::log::{
    AppendError, Appended, Commit, Freshness, LogReader, LogWriter, Position, ReadError,
    RecordedEvent, Version,
};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

pub const CART: Uuid = Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001);

pub type Outcome = Result<Handled<Cart>, CommandError<Refusal>>;

/// The injected outcome of an append.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Reports a conflict although no other writer was faster.
    Conflict,
    NotWritten,
    Full,
    /// It is written, and the response is lost.
    UnknownAndWritten,
    /// It is not written, and the outcome is unknown.
    UnknownAndNotWritten,
}

/// A log with injected append failures.
pub struct Unreliable {
    log: Arc<SqliteLog>,
    faults: Mutex<VecDeque<Fault>>,
    /// How many reads had to have everything that was acknowledged before them.
    linearizable_reads: AtomicUsize,
}

#[async_trait]
impl LogWriter for Unreliable {
    async fn append(&self, commit: Commit) -> Result<Appended, AppendError> {
        let fault = self.faults.lock().unwrap().pop_front();
        let unknown = Err(AppendError::Unknown("the disk failed".into()));
        match fault {
            None => self.log.append(commit).await,
            Some(Fault::Conflict) => Err(commit.conflict()),
            Some(Fault::NotWritten) => Err(AppendError::NotWritten("the disk is full".into())),
            Some(Fault::Full) => Err(AppendError::Full),
            Some(Fault::UnknownAndWritten) => {
                self.log.append(commit).await?;
                unknown
            }
            Some(Fault::UnknownAndNotWritten) => unknown,
        }
    }

    fn close(&self) {
        self.log.close();
    }
}

#[async_trait]
impl LogReader for Unreliable {
    async fn read_stream(
        &self,
        stream: Uuid,
        after: Version,
        limit: usize,
        freshness: Freshness,
    ) -> Result<Vec<RecordedEvent>, ReadError> {
        if freshness == Freshness::Linearizable {
            self.linearizable_reads.fetch_add(1, Ordering::Relaxed);
        }
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

/// Several nodes on one log.
pub struct Nodes {
    pub log: Arc<Unreliable>,
    _writer: Background,
    _folder: TempDir,
}

pub fn nodes() -> Nodes {
    let folder = tempfile::tempdir().unwrap();
    let settings = SqliteLogSettings::at(folder.path().join("events.db"));
    let (log, writer) = SqliteLog::open(&settings).unwrap();
    Nodes {
        log: Arc::new(Unreliable {
            log,
            faults: Mutex::default(),
            linearizable_reads: AtomicUsize::new(0),
        }),
        _writer: writer,
        _folder: folder,
    }
}

impl Nodes {
    /// A node with its own cache.
    pub fn node(&self) -> Node {
        Node(CommandHandler::new(
            CartModel::default(),
            self.log.clone(),
            1 << 20,
        ))
    }

    pub fn fail(&self, faults: &[Fault]) {
        self.log.faults.lock().unwrap().extend(faults);
    }

    pub fn linearizable_reads(&self) -> usize {
        self.log.linearizable_reads.load(Ordering::Relaxed)
    }

    pub async fn versions(&self) -> Vec<u64> {
        let events = self
            .log
            .read_stream(CART, Version(0), 10_000, Freshness::Linearizable)
            .await
            .unwrap();
        events.iter().map(|event| event.version.0).collect()
    }
}

pub struct Node(pub CommandHandler<CartModel>);

impl Node {
    pub async fn send(&self, command: &CartCommand) -> Outcome {
        self.0
            .handle(CART, command, &context(command), |_| true)
            .await
    }

    pub async fn send_at(&self, version: u64, command: &CartCommand) -> Outcome {
        let context = CommandContext {
            if_match: Some(Condition::OneOf(vec![Version(version)])),
            ..context(command)
        };
        self.0.handle(CART, command, &context, |_| true).await
    }

    pub async fn send_under(&self, key: &str, command: &CartCommand) -> Outcome {
        let context = CommandContext {
            key: Some(IdempotencyKey::new(
                &[7; 32].into(),
                key,
                &[command.name().as_bytes()],
            )),
            ..context(command)
        };
        self.0.handle(CART, command, &context, |_| true).await
    }
}

pub fn context(command: &CartCommand) -> CommandContext {
    CommandContext::new(command.name(), "shopper")
}

pub fn open() -> CartCommand {
    CartCommand::OpenCart {
        currency: Currency::EUR,
        token_hash: [0; 32],
        items: Vec::new(),
    }
}

pub fn tea() -> Offer {
    Offer {
        sku: Sku::parse("tea").unwrap(),
        name: "Tea".into(),
        unit_price: Money::from_minor(100),
        currency: Currency::EUR,
        max_per_cart: None,
    }
}

pub fn add(quantity: u32) -> CartCommand {
    CartCommand::AddItem(RequestedItem::offered(tea(), quantity))
}

pub fn set(quantity: u32) -> CartCommand {
    CartCommand::SetQuantity(RequestedItem::offered(tea(), quantity))
}

pub fn quantity(outcome: &Handled<Cart>) -> u32 {
    outcome.state.contents().unwrap().quantity(&tea().sku)
}
