//! Views made for comparison while the log is read.

use super::{Course, Finding, FindingKind, VerifyError, VerifyTarget};
use crate::cart::CartEvent;
use crate::history::{self, CommitMetadata};
use crate::log::sqlite::ReadOnlyLog;
use crate::log::{EventLog, Position, RecordedEvent};
use crate::views::{self, Generation, Snapshot, UpdateError};
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::runtime::Runtime;

/// Empty views, and what the events of the log make of them.
pub(super) struct Making<'a> {
    log: Arc<ReadOnlyLog>,
    made: Generation,
    runtime: Runtime,
    course: &'a Course<'a>,
    /// Whether every event so far is in them.
    complete: bool,
}

impl Making<'_> {
    pub(super) fn begin<'a>(
        subject: &VerifyTarget,
        course: &'a Course<'a>,
    ) -> Result<Making<'a>, VerifyError> {
        let log = Arc::new(ReadOnlyLog::open(&subject.log)?);
        let made = Generation::passing(views::all(), log.identity(), subject.cache_bytes);
        let making = |error: &dyn std::error::Error| VerifyError::Making(error.to_string());
        Ok(Making {
            log,
            made: made.map_err(|error| making(&error))?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .map_err(|error| making(&error))?,
            course,
            complete: true,
        })
    }

    /// Applies `events`; where one of them cannot be read, it says which, and the views end there.
    pub(super) fn apply(
        &mut self,
        events: &[RecordedEvent],
        complete: bool,
    ) -> Result<(), VerifyError> {
        self.complete &= complete;
        if !self.complete {
            self.only_read(events);
            return Ok(());
        }
        let course = self.course;
        let applied = self.made.apply(&*self.log, events, |carts| {
            for (id, cart) in carts {
                // Told once, with the stream's first event.
                let begins = |event: &RecordedEvent| event.stream == *id && event.version.0 == 1;
                if cart.contents().is_none() && events.iter().any(begins) {
                    course.find(Finding {
                        cart_id: Some(*id),
                        ..Finding::at_large(
                            FindingKind::DoesNotFold,
                            "its events do not begin with the opening of a cart",
                        )
                    });
                }
            }
        });
        match self.runtime.block_on(applied) {
            Ok(()) => Ok(()),
            Err(error @ (UpdateError::Views(_) | UpdateError::Damaged(_))) => {
                Err(VerifyError::Making(error.to_string()))
            }
            Err(UpdateError::History(_)) => {
                self.complete = false;
                self.only_read(events);
                Ok(())
            }
        }
    }

    /// Says which of `events` this program cannot read.
    pub(super) fn only_read(&self, events: &[RecordedEvent]) {
        for recorded in events {
            let read = CommitMetadata::read(&recorded.metadata)
                .and_then(|_| history::event_of::<CartEvent>(recorded));
            if let Err(error) = read {
                let detail = error.to_string();
                let kind = FindingKind::UnreadableEvent;
                self.course.find(Finding::of_event(kind, recorded, detail));
            }
        }
    }

    /// How far these views are; they stay behind where an event could not be read.
    pub(super) fn position(&self) -> Position {
        self.made.position()
    }

    /// Holds every row of the views that serve against these.
    pub(super) fn compare(&self, serving: &Snapshot) -> Result<(), VerifyError> {
        let compared = serving.compare(&self.made, |rows| {
            self.course.tell(|status| status.rows_checked = rows);
            match self.course.go_on() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        self.course.go_on()?;
        let compared = compared.map_err(|error| VerifyError::Making(error.to_string()))?;
        self.course
            .tell(|status| status.rows_checked = compared.rows);
        let shown = compared.differences.len() as u64;
        for difference in &compared.differences {
            self.course.find(Finding::of_row(difference));
        }
        self.course
            .tell(|status| status.findings_total += compared.differing - shown);
        Ok(())
    }
}
