//! Where the nodes of a shared log keep the checkpoint that one of them signed last.

use async_trait::async_trait;

/// Why the store gave no answer. The text contains no password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log's last signed checkpoint cannot be read or replaced: {0}")]
pub struct NoteStoreError(pub String);

/// Keeps one signed note, a text that means nothing to the log. All nodes of a log share it: a node
/// replaces only the note that it knows, so two signers cannot both continue the same one.
#[async_trait]
pub trait NoteStore: Send + Sync + 'static {
    /// The note that is kept; `None` before the first.
    async fn note(&self) -> Result<Option<String>, NoteStoreError>;

    /// Keeps `next` if `last` is what is kept, and returns whether it was. As durable as a commit
    /// once this returns `Ok(true)`; after an error `next` may be kept, or may still be.
    async fn replace_note(&self, last: Option<&str>, next: &str) -> Result<bool, NoteStoreError>;
}
