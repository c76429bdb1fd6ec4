//! The embedded engine: one SQLite file, one thread that writes, any number that read.
//!
//! An acknowledged commit is durable: the write-ahead log is synced (`synchronous=FULL`) before the
//! acknowledgement.

mod administration;
mod audit;
mod backup;
mod bulk_import;
mod by_stream;
mod engine;
mod gauges;
mod guard;
mod health_probe;
mod read_only;
mod readers;
mod replies;
mod rows;
mod schema;
mod settings;
mod spin;
mod tail;
mod writer;

pub use administration::SqliteAdministration;
pub use engine::SqliteLog;
pub use read_only::ReadOnlyLog;
pub use settings::{Durability, SqliteLogSettings};
