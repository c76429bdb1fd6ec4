//! The rules of an order.

use super::command::OrderCommand;
use super::event::{
    CancelReason, OrderCancelled, OrderConfirmed, OrderEvent, OrderPlaced, OrderRefused,
    OrderReserved,
};
use super::refusal::OrderRefusal;
use super::state::{Order, OrderStatus, PlacedOrder};

/// What the shopper reads when the warehouse did not answer in time.
const TIMED_OUT: &str = "The warehouse did not answer in time.";

pub(super) fn decide(
    order: &Order,
    command: &OrderCommand,
) -> Result<Vec<OrderEvent>, OrderRefusal> {
    if let OrderCommand::Place(details) = command {
        return Ok(place(order, details));
    }
    let placed = order.placed().ok_or(OrderRefusal::NotPlaced)?;
    match command {
        OrderCommand::Place(_) => Ok(Vec::new()),
        OrderCommand::Reserve => reserve(placed),
        OrderCommand::Refuse { message, skus } => {
            let refused = OrderRefused {
                message: message.clone(),
                skus: skus.clone(),
            };
            refuse(placed, refused)
        }
        OrderCommand::Confirm => Ok(match placed.status {
            OrderStatus::Reserved => vec![OrderEvent::OrderConfirmed(OrderConfirmed {})],
            _ => Vec::new(),
        }),
        OrderCommand::Cancel => Ok(match &placed.status {
            OrderStatus::Refused { message } => vec![cancelled(CancelReason::Refused, message)],
            _ => Vec::new(),
        }),
        OrderCommand::TimeOut { now } => Ok(match (&placed.status, placed.details.reserve_by) {
            (OrderStatus::Placed, Some(due)) if due <= *now => {
                vec![cancelled(CancelReason::TimedOut, TIMED_OUT)]
            }
            _ => Vec::new(),
        }),
    }
}

/// An order is placed once: a repeated command, of another node or after a restart, does nothing.
fn place(order: &Order, details: &OrderPlaced) -> Vec<OrderEvent> {
    if order.placed().is_some() {
        return Vec::new();
    }
    let placed = OrderEvent::OrderPlaced(details.clone());
    match details.reserve_by {
        Some(_) => vec![placed],
        None => vec![placed, OrderEvent::OrderConfirmed(OrderConfirmed {})],
    }
}

fn reserve(placed: &PlacedOrder) -> Result<Vec<OrderEvent>, OrderRefusal> {
    match placed.status {
        _ if placed.details.reserve_by.is_none() => Err(OrderRefusal::NotAsked),
        OrderStatus::Placed => Ok(vec![OrderEvent::OrderReserved(OrderReserved {})]),
        OrderStatus::Reserved | OrderStatus::Confirmed => Ok(Vec::new()),
        OrderStatus::Refused { .. } => Err(OrderRefusal::AlreadyRefused),
        OrderStatus::Cancelled { .. } => Err(OrderRefusal::Cancelled),
    }
}

/// A refusal of a cancelled order changes nothing, whatever the order was cancelled for.
fn refuse(placed: &PlacedOrder, refused: OrderRefused) -> Result<Vec<OrderEvent>, OrderRefusal> {
    match placed.status {
        _ if placed.details.reserve_by.is_none() => Err(OrderRefusal::NotAsked),
        OrderStatus::Placed => Ok(vec![OrderEvent::OrderRefused(refused)]),
        OrderStatus::Refused { .. } | OrderStatus::Cancelled { .. } => Ok(Vec::new()),
        OrderStatus::Reserved | OrderStatus::Confirmed => Err(OrderRefusal::AlreadyReserved),
    }
}

fn cancelled(reason: CancelReason, message: &str) -> OrderEvent {
    OrderEvent::OrderCancelled(OrderCancelled {
        reason,
        message: message.to_owned(),
    })
}
