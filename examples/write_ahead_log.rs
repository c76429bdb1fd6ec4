//! A table of accounts that is recovered from the changes of its rows, as a database recovers from
//! its write-ahead log: on the same log, the same [`Decider`] and the same commands as a cart.
//!
//! A transaction is a command. Its row changes are written first, and the event that commits it
//! last; folding them is what a database calls redo. Cut off anywhere, the log gives a table in
//! which a transaction has happened in full or not at all.
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
    /// To an account, which is opened if it is not there.
    Deposit(&'static str, u64),
    /// From an account to another one.
    Transfer(&'static str, &'static str, u64),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Change {
    /// What the row is now, not what was added to it: redo may be repeated without harm.
    RowWritten {
        key: String,
        balance: u64,
    },
    TransactionCommitted {},
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    pub rows: BTreeMap<String, u64>,
    /// What is written in a transaction that is not committed yet. Nobody sees it.
    pending: BTreeMap<String, u64>,
}

#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no account {0}")]
    NoAccount(&'static str),
    #[error("{0} has too little")]
    TooLittle(&'static str),
    #[error("{0} cannot hold as much")]
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

/// A database of one table, all of it in one stream.
pub struct Database {
    log: Arc<SqliteLog>,
    commands: CommandHandler<Accounts>,
    table: Uuid,
}

impl Database {
    pub fn open(folder: &std::path::Path, table: Uuid) -> Database {
        let settings = SqliteLogSettings::at(folder.join("events.db"));
        let (log, _writer) = SqliteLog::open(&settings).expect("a log");
        let commands = CommandHandler::new(Accounts, log.clone(), 1_000_000);
        Database {
            log,
            commands,
            table,
        }
    }

    /// Runs a transaction and answers with the table after it, once its changes are on the disk.
    pub async fn run(&self, transaction: Transaction) -> Result<Table, CommandError<Refusal>> {
        let context = CommandContext::new("run", "teller");
        let may = |_: &Table| true;
        let ran = self
            .commands
            .handle(self.table, &transaction, &context, may);
        Ok(ran.await?.state.as_ref().clone())
    }

    /// All changes that are in the log, from the first on.
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

/// The table recovered from a log that ends after `changes`, possibly within a transaction.
pub fn recover(changes: &[DecodedEvent<Change>]) -> BTreeMap<String, u64> {
    fold::<Accounts>(changes).rows
}

#[tokio::main(flavor = "current_thread")]
pub async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let database = Database::open(folder.path(), Uuid::now_v7());
    for transaction in [
        Transaction::Deposit("ann", 100),
        Transaction::Deposit("ben", 20),
        Transaction::Transfer("ann", "ben", 70),
    ] {
        database.run(transaction).await.expect("enough money");
    }
    let changes = database.changes().await.expect("a log that can be read");
    for end in 1..=changes.len() {
        let (last, table) = (changes[end - 1].event.name(), recover(&changes[..end]));
        println!("{end:2} {last:22}{table:?}");
    }
}
