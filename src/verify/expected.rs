//! The views as the log gives them, projected while it is read.

use super::{Finding, FindingKind, VerifyContext, VerifyError, VerifyTarget};
use crate::history;
use crate::log::{self, LogReader, Position, RecordedEvent};
use crate::models::ModelEvent;
use crate::views::{self, Folded, Projector, Snapshot, UpdateError};
use std::ops::ControlFlow;
use std::sync::Arc;
use tokio::runtime::Runtime;
use uuid::Uuid;

/// What the views should be, in a temporary file.
pub(super) struct ExpectedViews<'a> {
    log: Arc<dyn LogReader>,
    projector: Projector,
    runtime: Runtime,
    context: &'a VerifyContext<'a>,
    /// Whether every event so far could be projected.
    complete: bool,
}

impl ExpectedViews<'_> {
    pub(super) fn begin<'a>(
        target: &VerifyTarget,
        context: &'a VerifyContext<'a>,
    ) -> Result<ExpectedViews<'a>, VerifyError> {
        let log = log::open_read_only(&target.log)?;
        let projector = Projector::temporary(views::all(), log.identity(), target.cache_bytes);
        let failed = |error: &dyn std::error::Error| VerifyError::Projection(error.to_string());
        Ok(ExpectedViews {
            log,
            projector: projector.map_err(|error| failed(&error))?,
            runtime: tokio::runtime::Builder::new_current_thread()
                .build()
                .map_err(|error| failed(&error))?,
            context,
            complete: true,
        })
    }

    /// Projects `events`. Once an event is missing or unreadable, the rest are only read.
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
        let folding = self.projector.fold(&*self.log, events);
        let folded = self.runtime.block_on(folding);
        let written = folded.and_then(|folded| {
            self.check_openings(&folded, events);
            self.projector.write()
        });
        match written {
            Ok(_) => Ok(()),
            Err(error @ (UpdateError::Views(_) | UpdateError::Damaged(_))) => {
                Err(VerifyError::Projection(error.to_string()))
            }
            Err(UpdateError::History(_)) => {
                self.complete = false;
                self.only_read(events);
                Ok(())
            }
        }
    }

    /// Finds streams that do not begin with the event that opens them.
    fn check_openings(&self, folded: &Folded, events: &[RecordedEvent]) {
        let has_no_row = |id: &&Uuid| {
            let pending = self.projector.pending_cart(**id);
            pending.is_some_and(|pending| pending.row.is_none())
        };
        let is_not_placed = |id: &&Uuid| {
            let order = self.projector.pending_order(**id);
            order.is_some_and(|order| order.placed().is_none())
        };
        let carts = folded.carts.iter().filter(has_no_row);
        let orders = folded.orders.iter().filter(is_not_placed);
        let unopened = carts
            .map(|id| (id, "its events do not begin with the opening of a cart"))
            .chain(orders.map(|id| (id, "its events do not begin with the placing of an order")));
        for (id, detail) in unopened {
            // A stream without an opening is found once, at its first event.
            let begins = |event: &RecordedEvent| event.stream == *id && event.version.0 == 1;
            if events.iter().any(begins) {
                self.context.find(Finding {
                    cart_id: Some(*id),
                    ..Finding::general(FindingKind::DoesNotFold, detail)
                });
            }
        }
    }

    /// Finds those of `events` that this program cannot read.
    pub(super) fn only_read(&self, events: &[RecordedEvent]) {
        for recorded in events {
            if let Err(error) = history::decode::<ModelEvent>(recorded) {
                let detail = error.to_string();
                let kind = FindingKind::UnreadableEvent;
                self.context.find(Finding::of_event(kind, recorded, detail));
            }
        }
    }

    /// How far these views are; they stay behind where an event cannot be projected.
    pub(super) fn position(&self) -> Position {
        self.projector.written()
    }

    /// Compares every row of the views that serve with these.
    pub(super) fn compare(&self, serving: &Snapshot) -> Result<(), VerifyError> {
        let compared = serving.compare(&self.projector, |rows| {
            self.context.update(|status| status.rows_checked = rows);
            match self.context.check_stop() {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        self.context.check_stop()?;
        let compared = compared.map_err(|error| VerifyError::Projection(error.to_string()))?;
        let listed = compared.differences.len() as u64;
        for difference in &compared.differences {
            self.context.find(Finding::of_row(difference));
        }
        self.context.update(|status| {
            status.rows_checked = compared.rows;
            status.findings_total += compared.differing - listed;
        });
        Ok(())
    }
}
