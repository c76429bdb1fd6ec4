//! The commands of an order, sent by the order process or by the warehouse.

use super::event::OrderPlaced;
use crate::cart::Sku;
use crate::timestamp::Timestamp;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderCommand {
    /// Places the order. Without a time until which the warehouse must answer, it is confirmed at
    /// once.
    Place(OrderPlaced),
    /// The warehouse has reserved all units.
    Reserve,
    /// The warehouse cannot deliver.
    Refuse {
        /// The reason, as the shopper sees it.
        message: String,
        skus: Vec<Sku>,
    },
    /// Confirms an order whose units are reserved.
    Confirm,
    /// Cancels an order that the warehouse refused.
    Cancel,
    /// Cancels an order that the warehouse has not answered by `now`.
    TimeOut { now: Timestamp },
}

impl OrderCommand {
    /// The names of all commands.
    pub const NAMES: &'static [&'static str] = &[
        "place_order",
        "reserve_order",
        "refuse_order",
        "confirm_order",
        "cancel_order",
        "time_out_order",
    ];

    /// The command's name in an event's metadata.
    pub fn name(&self) -> &'static str {
        match self {
            OrderCommand::Place(_) => "place_order",
            OrderCommand::Reserve => "reserve_order",
            OrderCommand::Refuse { .. } => "refuse_order",
            OrderCommand::Confirm => "confirm_order",
            OrderCommand::Cancel => "cancel_order",
            OrderCommand::TimeOut { .. } => "time_out_order",
        }
    }
}
