//! What the updater reports: how far the views are complete, and why they are not being updated.

use super::Updater;
use crate::views::health::ViewFailure;
use crate::views::read_handle::Progress;

impl Updater {
    /// The views are complete without the event that this program does not know and those after it.
    /// They answer what they have, also after a restart.
    pub(super) fn complete_before_unknown_event(&self) {
        let end = self.projector.folded();
        let shorten =
            |progress: &mut Progress| progress.complete_at = progress.complete_at.min(end);
        self.progress.send_modify(shorten);
    }

    pub(super) fn set_health(&self, failure: Option<ViewFailure>) {
        self.health.send_if_modified(|known| {
            let changed = *known != failure;
            if changed {
                match &failure {
                    Some(failure) => {
                        tracing::error!(failure.reason, "view updater failed; retrying");
                    }
                    None => tracing::info!("view updater recovered"),
                }
                *known = failure;
            }
            changed
        });
    }
}
