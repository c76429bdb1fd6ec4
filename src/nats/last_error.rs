//! What a server says beside its answers.

use std::sync::{Arc, Mutex, PoisonError};

/// The last error that a server sent beside its answers, such as a missing permission. A request
/// that a server refuses in this way gets no answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct LastError(Arc<Mutex<Option<String>>>);

impl LastError {
    pub fn set(&self, reason: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
    }

    /// `reason`, with what the server has said since the last call.
    pub fn explain(&self, reason: String) -> String {
        let said = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match said {
            Some(said) => format!("{reason} (the server reports: {said})"),
            None => reason,
        }
    }
}
