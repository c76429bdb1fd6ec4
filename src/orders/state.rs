//! The state of an order.

use super::event::{CancelReason, OrderPlaced};
use crate::timestamp::Timestamp;

/// An order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Order {
    #[default]
    NotPlaced,
    Placed(Box<PlacedOrder>),
}

/// An order that was placed, in any status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The version of the last event applied.
    pub version: u64,
    /// What was ordered, which never changes.
    pub details: OrderPlaced,
    pub status: OrderStatus,
    pub placed_at: Timestamp,
    pub changed_at: Timestamp,
}

/// How far an order got. `Confirmed` and `Cancelled` are final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderStatus {
    /// The warehouse has been asked and has not answered.
    Placed,
    Reserved,
    Refused {
        message: String,
    },
    Confirmed,
    Cancelled {
        reason: CancelReason,
        message: String,
    },
}

impl Order {
    /// The order, or `None` before it is placed.
    pub fn placed(&self) -> Option<&PlacedOrder> {
        match self {
            Order::NotPlaced => None,
            Order::Placed(placed) => Some(placed),
        }
    }

    /// The version of the last event applied; 0 before the order is placed.
    pub fn version(&self) -> u64 {
        self.placed().map_or(0, |placed| placed.version)
    }

    /// The approximate size in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        const LINE: usize = 160;
        let lines = self.placed().map_or(0, |placed| placed.details.lines.len());
        size_of::<PlacedOrder>() + lines * LINE
    }
}
