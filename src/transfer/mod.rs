//! Export and import of the log as lines of CloudEvents. An imported log equals the exported one to
//! the byte: times, order, versions, metadata and hashes.

mod append;
mod export;
mod heads;
mod import;

pub use append::AppendImporter;
pub use export::{ExportError, export};
pub use import::{ImportError, import, import_into};
