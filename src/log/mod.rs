//! The log: an append-only sequence of events, and the source of truth. It stores named, versioned,
//! one-line JSON in streams and knows nothing of carts.
//!
//! [`LogReader`] and [`LogWriter`] are the port; [`open`] chooses the engine that implements it, of
//! which there is one today: [`sqlite`]. Code above this room relies on the port alone.

mod administration;
mod checkpoint;
mod commit;
mod engine;
mod event;
mod hash;
mod port;
pub mod sqlite;

pub use administration::{
    BackupError, BulkImporter, IndexEntry, LogAdministration, LogAudit, OpenError, Progress,
    UnreadableRow,
};
pub use checkpoint::Checkpoint;
pub use commit::{AppendError, Appended, Commit};
pub use engine::{LogConfig, OpenLog, administration, open, open_read_only};
pub use event::{Head, NewEvent, Position, RecordedEvent, Version, chained_hash};
pub use hash::Hash;
pub use port::{EventLog, Freshness, LogReader, LogWriter, ReadError};
pub use sqlite::{Durability, SqliteLogSettings};
