//! A warehouse: another team's program, which knows cartlog only by its public contract.
//!
//! It learns of orders by events, by webhook or by polling, reserves their units in its own SQLite
//! file, and answers each order by HTTP. It may be killed at any moment, and events may come twice:
//! each order is reserved once and answered. [`store`] shows how: what an event does, the note that
//! it was seen, and the answer to send are one transaction.
//!
//! - [`event`]: the events, as `/asyncapi.json` describes them
//! - [`store`]: stock, inbox, reservations and outbox, in SQLite
//! - [`webhook`]: receives events, which [`signature`] verifies
//! - [`poll`]: reads events instead
//! - [`outbox`]: sends the answers
//! - [`shop`]: the HTTP client
//!
//! `cargo run --example warehouse -- --help`

mod event;
mod outbox;
mod poll;
mod shop;
mod signature;
mod store;
mod webhook;

use clap::Parser;
use shop::Shop;
use signature::Secret;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// A warehouse for cartlog: reserves the units of each order, or refuses it.
///
/// It keeps its stock in a file of its own and prints what it does, line by line. Kill it at any
/// moment and start it again: each order is reserved once, and answered.
#[derive(Debug, Parser)]
#[command(name = "warehouse", after_help = HELP)]
struct Arguments {
    /// Where cartlog is
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    shop: String,
    /// The file with stock, reservations and answers; created if it is missing
    #[arg(long, value_name = "FILE", default_value = "warehouse.db")]
    file: PathBuf,
    /// Units of a product at first; repeat it for further products. A later start changes nothing
    /// about products that the file knows
    #[arg(long, value_name = "SKU=UNITS", value_parser = stock)]
    stock: Vec<(String, u32)>,
    /// Units of each product that --stock does not name
    #[arg(long, value_name = "UNITS", default_value_t = 100)]
    default_stock: u32,
    /// Receive events by webhook at this address; /events is the path
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Read events from GET /api/public-events instead, from the first one on
    #[arg(long, conflicts_with = "listen")]
    poll: bool,
    /// With --poll: how often to look for new events, in milliseconds
    #[arg(
        long,
        value_name = "MILLISECONDS",
        default_value_t = 500,
        requires = "poll"
    )]
    poll_every: u64,
}

const HELP: &str = "\
Secrets come from the environment, since other users can see a command line:
  WAREHOUSE_TOKEN     the token of its answers: cartlog's orders.warehouse_token
  WAREHOUSE_SECRET    without --poll: the secret of the webhook, whsec_…
  WAREHOUSE_OPERATOR  with --poll: cartlog's security.operator_token; not in demo mode

Two terminals are enough to try it, both in cartlog's folder:
  export WAREHOUSE_TOKEN=only-to-try-a-warehouse         # in both
  CARTLOG_ORDERS__CONFIRM=warehouse CARTLOG_ORDERS__WAREHOUSE_TOKEN=$WAREHOUSE_TOKEN cargo run
  cargo run --example warehouse -- --poll --stock teapot=2

Then order three teapots at http://127.0.0.1:8080/. docs/webhooks.md has the set-up with a webhook.

Units that were delivered to the warehouse, also while it runs:
  sqlite3 warehouse.db \"UPDATE stock SET free = free + 10 WHERE sku = 'teapot'\"";

/// Where events come from, with what that takes.
enum Source {
    Webhook(Secret),
    /// With the operator's token, if the shop has one.
    Poll(Option<String>),
}

/// Why the program cannot run.
type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("warehouse: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let token = secret("WAREHOUSE_TOKEN")?.ok_or(
        "WAREHOUSE_TOKEN must be set to the token that cartlog has as orders.warehouse_token",
    )?;
    let shop = Arc::new(Shop::new(&arguments.shop, token)?);
    let source = if arguments.poll {
        Source::Poll(secret("WAREHOUSE_OPERATOR")?)
    } else {
        let secret = secret("WAREHOUSE_SECRET")?.ok_or(
            "WAREHOUSE_SECRET must be set to the secret of cartlog's webhook (or read events with \
             --poll)",
        )?;
        Source::Webhook(Secret::parse(&secret)?)
    };
    let stock: BTreeMap<String, u32> = arguments.stock.into_iter().collect();
    let store = Store::open(&arguments.file, &stock, arguments.default_stock);
    let store = store.map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let store = Arc::new(store);
    say(format_args!(
        "stock and answers in {}",
        arguments.file.display()
    ));
    for (sku, free) in store.stock()? {
        say(format_args!("stock: {free} of {sku}"));
    }
    outbox::start(store.clone(), shop.clone());
    match source {
        Source::Poll(operator) => {
            let every = Duration::from_millis(arguments.poll_every);
            poll::run(&store, &shop, operator.as_deref(), every)
        }
        Source::Webhook(secret) => webhook::run(store, secret, arguments.listen),
    }
}

/// The value of an environment variable, `None` if it is not set or empty.
fn secret(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name} must be text").into()),
    }
}

/// Parses `teapot=5`.
fn stock(text: &str) -> Result<(String, u32), String> {
    let parsed = text.split_once('=').and_then(|(sku, units)| {
        let units = units.parse().ok()?;
        (!sku.is_empty()).then(|| (sku.to_owned(), units))
    });
    parsed.ok_or_else(|| "expected a product and its units, for example teapot=5".to_owned())
}

/// Prints a line. A closed pipe must not stop the warehouse.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}
