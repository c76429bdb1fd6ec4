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
mod log_file;
mod read_only;
mod readers;
mod replica;
mod replica_schema;
mod replica_writer;
mod rows;
mod schema;
mod settings;
mod spin;
mod tail;
mod writer;

pub use administration::SqliteAdministration;
pub use engine::SqliteLog;
pub use log_file::LogFile;
pub use read_only::ReadOnlyLog;
pub use replica::SqliteReplica;
pub use replica_schema::{FoundReplica, ReplicaCheckpoint};
pub use replica_writer::{ApplyError, ReplicaBatch};
pub use settings::{Durability, SqliteLogSettings};
