//! What the order process has to do next, derived from the state alone: the process keeps no state
//! of its own, so nothing is lost with it.

use super::state::{Order, OrderStatus};
use crate::timestamp::Timestamp;

/// The next step of an order that is not final.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextStep {
    /// The cart was checked out: place the order.
    Place,
    /// The warehouse has reserved the units: confirm.
    Confirm,
    /// The warehouse has refused: cancel.
    Cancel,
    /// The warehouse has not answered: cancel at this time.
    TimeOut(Timestamp),
}

impl NextStep {
    /// The next step of `order`; `None` if the order is final, or was not placed.
    pub fn of(order: &Order) -> Option<NextStep> {
        let placed = order.placed()?;
        match placed.status {
            OrderStatus::Placed => placed.details.reserve_by.map(NextStep::TimeOut),
            OrderStatus::Reserved => Some(NextStep::Confirm),
            OrderStatus::Refused { .. } => Some(NextStep::Cancel),
            OrderStatus::Confirmed | OrderStatus::Cancelled { .. } => None,
        }
    }
}
