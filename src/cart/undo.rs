//! The undo stack.
//!
//! There may be a million carts with up to ten thousand events each, so a step takes 24 bytes: it
//! refers to the sku and name on the cart's shelf.

use super::contents::Contents;
use super::event::{CartEvent, PromotionRemoved, Units};
use super::money::Money;
use super::promotion::Promotion;
use crate::decider::EventContext;
use std::sync::Arc;
use uuid::Uuid;

/// The commands that can be undone, as their steps; the latest command is on top.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct UndoStack {
    steps: Vec<Step>,
    /// The command of the last applied event; one command may have several.
    latest: Option<Uuid>,
    /// The version of the first event of that command, which tells commands apart.
    first: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Step {
    /// The version of the first event of the command.
    command: u32,
    change: Change,
}

/// The change that an event made. A line's index on the shelf never changes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Added {
        line: u32,
        quantity: u32,
        unit_price: Money,
    },
    Removed {
        line: u32,
        quantity: u32,
        unit_price: Money,
    },
    /// An empty line got units under a different name.
    Renamed {
        line: u32,
        before: Box<Arc<str>>,
    },
    Promotion {
        before: Option<Box<Promotion>>,
    },
}

impl UndoStack {
    /// Pushes the reversal of `event`, which has this context and is about to be applied to
    /// `contents`.
    pub(super) fn push(
        &mut self,
        event: &CartEvent,
        context: &EventContext<'_>,
        contents: &Contents,
    ) {
        let place = |units: &Units| contents.place(&units.sku);
        let changes = match event {
            CartEvent::ItemAdded(units) => {
                let renamed = place(units).and_then(|place| {
                    let line = &contents.shelf[place];
                    let renamed = line.lots.is_empty() && line.name != units.name;
                    renamed.then(|| Change::Renamed {
                        line: index(place),
                        before: Box::new(line.name.clone()),
                    })
                });
                let added = Change::Added {
                    line: index(place(units).unwrap_or(contents.shelf.len())),
                    quantity: units.quantity,
                    unit_price: units.unit_price,
                };
                [renamed, Some(added)]
            }
            CartEvent::ItemRemoved(units) => {
                let removed = place(units).map(|place| Change::Removed {
                    line: index(place),
                    quantity: units.quantity,
                    unit_price: units.unit_price,
                });
                [None, removed]
            }
            CartEvent::PromotionApplied(_) | CartEvent::PromotionRemoved(_) => {
                let before = contents.promotion.clone().map(Box::new);
                [None, Some(Change::Promotion { before })]
            }
            CartEvent::CartOpened(_) | CartEvent::CartCheckedOut(_) | CartEvent::CartExpired(_) => {
                [None, None]
            }
        };
        if self.latest != Some(context.command_id) {
            self.latest = Some(context.command_id);
            self.first = u32::try_from(context.version).unwrap_or(u32::MAX);
        }
        let command = self.first;
        self.steps.extend(
            changes
                .into_iter()
                .flatten()
                .map(|change| Step { command, change }),
        );
    }

    /// Pops the command on top for the undo `command_id`, once for all events of that undo.
    pub(super) fn pop(&mut self, command_id: Uuid, contents: &mut Contents) {
        if self.latest == Some(command_id) {
            return;
        }
        self.latest = Some(command_id);
        let Some(top) = self.steps.last().map(|step| step.command) else {
            return;
        };
        while let Some(step) = self.steps.pop_if(|step| step.command == top) {
            if let Change::Renamed { line, before } = step.change {
                contents.shelf[line as usize].name = *before;
            }
        }
    }

    /// The version of the first event of the command on top.
    pub(super) fn undone(&self) -> Option<u64> {
        self.steps.last().map(|step| step.command.into())
    }

    /// The events that reverse the command on top, its last step first; empty if there is none.
    pub(super) fn reversal(&self, contents: &Contents) -> Vec<CartEvent> {
        let Some(top) = self.steps.last().map(|step| step.command) else {
            return Vec::new();
        };
        let units = |line: u32, quantity: u32, unit_price: Money| {
            let line = &contents.shelf[line as usize];
            Units {
                sku: line.sku.clone(),
                name: line.name.clone(),
                quantity,
                unit_price,
            }
        };
        self.steps
            .iter()
            .rev()
            .take_while(|step| step.command == top)
            .filter_map(|step| match &step.change {
                Change::Added {
                    line,
                    quantity,
                    unit_price,
                } => Some(CartEvent::ItemRemoved(units(*line, *quantity, *unit_price))),
                Change::Removed {
                    line,
                    quantity,
                    unit_price,
                } => Some(CartEvent::ItemAdded(units(*line, *quantity, *unit_price))),
                Change::Renamed { .. } => None,
                Change::Promotion { before } => restored_promotion(before.as_deref(), contents),
            })
            .collect()
    }

    /// The size on the heap, in bytes.
    pub(super) fn weight(&self) -> usize {
        self.steps.capacity() * size_of::<Step>()
    }
}

fn restored_promotion(before: Option<&Promotion>, contents: &Contents) -> Option<CartEvent> {
    match (before, &contents.promotion) {
        (Some(before), _) => Some(CartEvent::PromotionApplied(before.clone())),
        (None, Some(applied)) => Some(CartEvent::PromotionRemoved(PromotionRemoved {
            code: applied.code.clone(),
        })),
        (None, None) => None,
    }
}

fn index(place: usize) -> u32 {
    u32::try_from(place).expect("a cart has at most ten thousand lines")
}
