//! A table of accounts that is recovered from its row changes, as a database recovers from its
//! write-ahead log. It uses the log and command handler of carts with a [`Decider`] of its own.
//!
//! A command is a transaction: it writes the row changes first and a commit event last. Folding the
//! events is redo. A log truncated at any event gives a table with whole transactions only.
//!
//! `cargo run --example write_ahead_log`

use cartlog::commands::{CommandContext, CommandError, CommandHandler};
use cartlog::decider::{Decider, DecodedEvent, Event, EventContext, UnreadableEvent, fold};
use cartlog::history::{self, HistoryError};
use cartlog::log::sqlite::{SqliteLog, SqliteLogSettings};
use cartlog::log::{Freshness, Version};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

pub enum Transaction {
    /// Adds an amount to an account and opens the account if necessary.
    Deposit(&'static str, u64),
    /// Moves an amount from the first account to the second.
    Transfer(&'static str, &'static str, u64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Change {
    /// Holds the new row rather than the difference, so that redo is idempotent.
    RowWritten {
        key: String,
        balance: u64,
    },
    TransactionCommitted {},
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub rows: BTreeMap<String, u64>,
    /// Rows of the transaction that is not committed yet; readers do not see them.
    pending: BTreeMap<String, u64>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("account {0} does not exist")]
    NoAccount(&'static str),
    #[error("account {0} has insufficient funds")]
    TooLittle(&'static str),
    #[error("the balance of account {0} would overflow")]
    TooMuch(&'static str),
}

pub struct Accounts;

impl Decider for Accounts {
    type Command = Transaction;
    type Event = Change;
    type State = Table;
    type Refusal = Refusal;

    fn initial() -> Table {
        Table::default()
    }

    fn decide(&self, table: &Table, transaction: &Transaction) -> Result<Vec<Change>, Refusal> {
        let balance = |key| table.rows.get(key).copied().ok_or(Refusal::NoAccount(key));
        let row = |key: &'static str, balance: Option<u64>, refusal: fn(_) -> _| {
            let (key, balance) = (key.to_owned(), balance.ok_or(refusal(key))?);
            Ok(Change::RowWritten { key, balance })
        };
        let mut changes = match *transaction {
            Transaction::Deposit(to, amount) => {
                let sum = balance(to).unwrap_or(0).checked_add(amount);
                vec![row(to, sum, Refusal::TooMuch)?]
            }
            Transaction::Transfer(from, to, _) if from == to => return Ok(Vec::new()),
            Transaction::Transfer(from, to, amount) => vec![
                row(from, balance(from)?.checked_sub(amount), Refusal::TooLittle)?,
                row(to, balance(to)?.checked_add(amount), Refusal::TooMuch)?,
            ],
        };
        changes.push(Change::TransactionCommitted {});
        Ok(changes)
    }

    fn evolve(table: &mut Table, change: &Change, _: &EventContext<'_>) {
        match change {
            Change::RowWritten { key, balance } => {
                table.pending.insert(key.clone(), *balance);
            }
            Change::TransactionCommitted {} => table.rows.append(&mut table.pending),
        }
    }

    fn weight(table: &Table) -> usize {
        size_of::<Table>() + table.rows.len() * 64
    }
}

impl Event for Change {
    const NAMES: &'static [&'static str] = &["RowWritten", "TransactionCommitted"];

    fn name(&self) -> &'static str {
        match self {
            Change::RowWritten { .. } => "RowWritten",
            Change::TransactionCommitted {} => "TransactionCommitted",
        }
    }

    fn schema(&self) -> u32 {
        1
    }

    fn data(&self) -> String {
        json!(self)["data"].to_string()
    }

    fn read(name: &str, schema: u32, data: &str) -> Result<Self, UnreadableEvent> {
        let name = name.to_owned();
        if schema != 1 {
            return Err(UnreadableEvent::Unknown { name, schema });
        }
        let change = format!(r#"{{"type":"{name}","data":{data}}}"#);
        serde_json::from_str(&change).map_err(|error| UnreadableEvent::Malformed {
            name,
            schema,
            reason: error.to_string(),
        })
    }
}

/// A database with one table, stored in one stream.
pub struct Database {
    log: Arc<SqliteLog>,
    commands: CommandHandler<Accounts>,
    table: Uuid,
}

impl Database {
    pub fn open(folder: &std::path::Path, table: Uuid) -> Database {
        let settings = SqliteLogSettings::at(folder.join("events.db"));
        let (log, _writer) = SqliteLog::open(&settings).expect("the log can be opened");
        let commands = CommandHandler::new(Accounts, log.clone(), 1_000_000);
        Database {
            log,
            commands,
            table,
        }
    }

    /// Executes a transaction and returns the table after it, once its changes are durable.
    pub async fn run(&self, transaction: Transaction) -> Result<Table, CommandError<Refusal>> {
        let context = CommandContext::new("run", "teller");
        let allow = |_: &Table| true;
        let executed = self
            .commands
            .handle(self.table, &transaction, &context, allow);
        Ok(executed.await?.state.as_ref().clone())
    }

    /// All changes in the log.
    pub async fn changes(&self) -> Result<Vec<DecodedEvent<Change>>, HistoryError> {
        let mut changes = Vec::new();
        history::for_each(
            &*self.log,
            self.table,
            Version(0),
            None,
            Freshness::Any,
            |recorded| {
                changes.push(history::decode(&recorded)?);
                Ok(())
            },
        )
        .await?;
        Ok(changes)
    }
}

/// Recovers the table from a prefix of the changes, which may end inside a transaction.
pub fn recover(changes: &[DecodedEvent<Change>]) -> BTreeMap<String, u64> {
    fold::<Accounts>(changes).rows
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let database = Database::open(folder.path(), Uuid::now_v7());
    for transaction in [
        Transaction::Deposit("ann", 100),
        Transaction::Deposit("ben", 20),
        Transaction::Transfer("ann", "ben", 70),
    ] {
        database.run(transaction).await.expect("sufficient funds");
    }
    let changes = database.changes().await.expect("the log can be read");
    for end in 1..=changes.len() {
        let (last, table) = (changes[end - 1].event.name(), recover(&changes[..end]));
        println!("{end:2} {last:22}{table:?}");
    }
}
