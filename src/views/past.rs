//! Carts as they were: folded from the log, beginning at the nearest snapshot.

use super::snapshots::Until;
use super::{Reader, ViewReadError};
use crate::cart::what_if::WhatIf;
use crate::cart::{Cart, CartEvent, CartModel};
use crate::decider::{Decider, EventContext};
use crate::history::{self, HistoryError, PAGE};
use crate::log::{Freshness, LogReader, RecordedEvent, Version};
use uuid::Uuid;

/// A cart as it was.
#[derive(Debug)]
pub struct PastCart {
    /// Without undo stack.
    pub cart: Cart,
    /// Whether the cart has an event after those folded.
    pub has_later_events: bool,
}

impl Reader {
    /// The cart `id` in `log` as it was at `until`, or at its end if that is earlier.
    pub async fn cart_at(
        &self,
        log: &dyn LogReader,
        id: Uuid,
        until: Until,
    ) -> Result<PastCart, HistoryError> {
        let start = self.nearest_snapshot(id, until);
        fold(log, id, start, until, evolve).await
    }

    /// The cart `id` in `log` as it would be at version `last` in `what_if`. Folds all events from
    /// the snapshot before the first one that may differ.
    pub async fn hypothetical_cart(
        &self,
        log: &dyn LogReader,
        id: Uuid,
        last: Version,
        what_if: &mut WhatIf<'_>,
    ) -> Result<Cart, HistoryError> {
        let until = Until::Version(last);
        let start = match what_if.first() {
            None => self.nearest_snapshot(id, until),
            Some(first) => {
                let before = Version(first.saturating_sub(1));
                self.nearest_snapshot(id, Until::Version(before))
            }
        };
        let apply = |cart: &mut Cart, recorded: &RecordedEvent| {
            let context = context_of(recorded);
            if !what_if.leaves_out(context.version) {
                let event = event_of(recorded)?;
                what_if.apply(cart, &event, &context);
                cart.forget_undo();
            }
            what_if.follow(cart, &context);
            Ok(())
        };
        Ok(fold(log, id, start, until, apply).await?.cart)
    }

    /// The newest snapshot of the cart `id` before `version`, and the version it is at.
    pub fn snapshot_before(&self, id: Uuid, version: Version) -> Option<(Cart, Version)> {
        let before = Version(version.0.checked_sub(1)?);
        let cart = self.nearest_snapshot(id, Until::Version(before));
        let at = version_of(&cart);
        (at > Version(0)).then_some((cart, at))
    }

    /// Where a fold begins. Snapshots only save time: without one, all events are folded.
    fn nearest_snapshot(&self, id: Uuid, until: Until) -> Cart {
        let found = self.snapshot(id, until).unwrap_or_else(|error| {
            // The updater logs damage, once.
            if !matches!(error, ViewReadError::Damaged(_)) {
                tracing::error!(%error, cart = %id, "reading a cart's snapshot failed");
            }
            None
        });
        found.unwrap_or_else(CartModel::initial)
    }
}

fn version_of(cart: &Cart) -> Version {
    Version(cart.contents().map_or(0, |contents| contents.version))
}

/// Passes the events of the cart `id` that follow on `cart` up to `until` to `apply`.
async fn fold(
    log: &dyn LogReader,
    id: Uuid,
    mut cart: Cart,
    until: Until,
    mut apply: impl FnMut(&mut Cart, &RecordedEvent) -> Result<(), HistoryError>,
) -> Result<PastCart, HistoryError> {
    let mut after = version_of(&cart);
    let mut has_later_events = false;
    loop {
        let limit = until.page_after(after);
        let page = log.read_stream(id, after, limit, Freshness::Linearizable);
        let page = page.await?;
        for recorded in &page {
            has_later_events = until.is_before(recorded);
            if has_later_events {
                break;
            }
            after = recorded.version;
            apply(&mut cart, recorded)?;
        }
        if has_later_events || page.len() < PAGE {
            return Ok(PastCart {
                cart,
                has_later_events,
            });
        }
    }
}

/// Applies `recorded` to a cart that is only read. Its metadata is not decoded: only the undo stack
/// depends on the command, and decoding it would take half of the time of a fold.
pub fn evolve(cart: &mut Cart, recorded: &RecordedEvent) -> Result<(), HistoryError> {
    let event = event_of(recorded)?;
    cart.forget_undo();
    CartModel::evolve(cart, &event, &context_of(recorded));
    cart.forget_undo();
    Ok(())
}

fn event_of(recorded: &RecordedEvent) -> Result<CartEvent, HistoryError> {
    history::require_model::<CartEvent>(recorded)?;
    history::event_of(recorded)
}

fn context_of(recorded: &RecordedEvent) -> EventContext<'static> {
    EventContext {
        version: recorded.version.0,
        at: recorded.recorded_at,
        command: "",
        command_id: Uuid::nil(),
    }
}

impl Until {
    fn is_before(self, recorded: &RecordedEvent) -> bool {
        match self {
            Until::Version(version) => version < recorded.version,
            Until::Time(time) => time < recorded.recorded_at,
        }
    }

    /// How many events to read after `after`: one past the end shows that there are later ones.
    fn page_after(self, after: Version) -> usize {
        match self {
            Until::Version(last) => {
                let left = last.0.saturating_sub(after.0).saturating_add(1);
                usize::try_from(left).unwrap_or(PAGE).min(PAGE)
            }
            Until::Time(_) => PAGE,
        }
    }
}
