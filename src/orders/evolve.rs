//! The fold: an order and an event give the next order. It is total, as that of a cart.

use super::event::OrderEvent;
use super::state::{Order, OrderStatus, PlacedOrder};
use crate::decider::EventContext;

pub(super) fn evolve(order: &mut Order, event: &OrderEvent, context: &EventContext<'_>) {
    let status = match event {
        OrderEvent::OrderPlaced(details) => {
            if matches!(order, Order::NotPlaced) {
                *order = Order::Placed(Box::new(PlacedOrder {
                    version: context.version,
                    details: details.clone(),
                    status: OrderStatus::Placed,
                    placed_at: context.at,
                    changed_at: context.at,
                }));
            }
            OrderStatus::Placed
        }
        OrderEvent::OrderReserved(_) => OrderStatus::Reserved,
        OrderEvent::OrderRefused(refused) => OrderStatus::Refused {
            message: refused.message.clone(),
        },
        OrderEvent::OrderConfirmed(_) => OrderStatus::Confirmed,
        OrderEvent::OrderCancelled(cancelled) => OrderStatus::Cancelled {
            reason: cancelled.reason,
            message: cancelled.message.clone(),
        },
    };
    if let Order::Placed(placed) = order {
        placed.status = status;
        placed.version = context.version;
        placed.changed_at = context.at;
    }
}
