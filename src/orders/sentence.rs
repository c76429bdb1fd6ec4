//! An event of an order as a plain sentence.

use super::event::OrderEvent;
use crate::cart::Sku;

/// What happened, such as `Placed the order for €39.98`.
pub fn sentence(event: &OrderEvent) -> String {
    match event {
        OrderEvent::OrderPlaced(placed) => {
            format!(
                "Placed the order for {}",
                placed.total.display(placed.currency)
            )
        }
        OrderEvent::OrderReserved(_) => "The warehouse reserved all items".to_owned(),
        OrderEvent::OrderRefused(refused) if refused.skus.is_empty() => {
            format!("The warehouse refused: {}", refused.message)
        }
        OrderEvent::OrderRefused(refused) => {
            let skus: Vec<_> = refused.skus.iter().map(Sku::as_str).collect();
            format!(
                "The warehouse refused {}: {}",
                skus.join(", "),
                refused.message
            )
        }
        OrderEvent::OrderConfirmed(_) => "Confirmed the order".to_owned(),
        OrderEvent::OrderCancelled(cancelled) => {
            format!("Cancelled the order: {}", cancelled.message)
        }
    }
}
