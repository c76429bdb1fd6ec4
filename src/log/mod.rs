//! The log: an append-only sequence of events, and the source of truth. It stores named, versioned,
//! one-line JSON in streams and knows nothing of carts.
//!
//! [`LogReader`] and [`LogWriter`] are the port. [`open`] chooses the engine that implements it:
//! one file ([`sqlite`]), or a log that nodes share ([`shared`], over [`postgres`] or
//! [`jetstream`]). Code above this module relies on the port alone.

mod administration;
mod checkpoint;
mod commit;
mod digest;
mod engine;
mod event;
mod hash;
pub mod jetstream;
mod note_store;
mod port;
pub mod postgres;
mod replies;
pub mod shared;
pub mod sqlite;

pub use administration::{
    BackupError, BulkImporter, IndexEntry, LogAdministration, LogAudit, LogCopy, OpenError,
    Progress, UnreadableRow,
};
pub use checkpoint::Checkpoint;
pub use commit::{AppendError, Appended, Commit};
pub use digest::{InvalidLogHead, LogDigest, LogHead};
pub use engine::{LogConfig, OpenLog, administration, open, open_read_only};
pub use event::{Head, NewEvent, Position, RecordedEvent, Version, chained_hash, hashed_text};
pub use hash::Hash;
pub use note_store::{NoteStore, NoteStoreError};
pub use port::{EventLog, Freshness, LogReader, LogWriter, ReadError, ReplicaStatus};
pub use sqlite::{Durability, SqliteLogSettings};
