//! The log taken along: written out as lines of CloudEvents, and a new log filled from them. What
//! comes in is what went out, to the byte: times, order, versions, metadata and hashes.

mod export;
mod heads;
mod import;

pub use export::{ExportError, export};
pub use import::{ImportError, import};
