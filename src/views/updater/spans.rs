//! The spans of projections: from the read of an event until readers see its row.

use super::{BATCH, Updater};
use crate::history::CommitMetadata;
use crate::log::RecordedEvent;
use crate::traces::{Span, Tracer};
use std::time::Instant;

impl Updater {
    /// Records spans with `tracer`.
    pub fn traced_by(self, tracer: Tracer) -> Updater {
        Updater { tracer, ..self }
    }

    /// Records the projection of each sampled commit in `events`. A full batch has none: then the
    /// views catch up with a log whose commands are long past.
    pub(super) fn trace_projected(&self, started: Instant, events: &[RecordedEvent]) {
        if !self.tracer.is_on() || events.len() >= BATCH {
            return;
        }
        let mut previous = None;
        for event in events {
            // Cheap, and true of sampled commits: metadata is never written in another form.
            if !event.metadata.contains("\"sampled\":true") {
                continue;
            }
            let metadata = CommitMetadata::read(&event.metadata).ok();
            let Some(cause) = metadata.and_then(|metadata| metadata.span()) else {
                continue;
            };
            if previous.replace(cause) == Some(cause) {
                continue;
            }
            let mut span = Span::since(started, cause.child(), Some(cause), "project")
                .with("cartlog.position", event.position.0)
                .with("cartlog.batch.events", events.len() as u64);
            span.link = Some(cause);
            self.tracer.record(span);
        }
    }
}
