//! Export and import of the log as lines of CloudEvents, with a closing line that counts and
//! identifies them. An imported log equals the exported one to the byte: times, order, versions,
//! metadata and hashes.

mod append;
mod closing_line;
mod export;
mod heads;
mod import;

pub use append::AppendImporter;
pub use closing_line::ExportSummary;
pub use export::{Export, ExportError, export};
pub(crate) use heads::PreviousHashes;
pub use import::{ClosingLine, ImportError, ImportSummary, import, import_into};
