//! Export and import of the log as lines of CloudEvents. An imported log equals the exported one to
//! the byte: times, order, versions, metadata and hashes.

mod export;
mod heads;
mod import;

pub use export::{ExportError, export};
pub use import::{ImportError, import};
