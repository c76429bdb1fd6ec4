//! An event as a plain sentence.

use super::event::CartEvent;
use super::money::Currency;
use super::sku::Sku;

/// What happened, such as `Added 2 × Teapot at €19.99`, with amounts in the cart's `currency`.
pub fn sentence(event: &CartEvent, currency: Currency) -> String {
    match event {
        CartEvent::CartOpened(_) => "Opened the cart".to_owned(),
        CartEvent::ItemAdded(units) => format!(
            "Added {} × {} at {}",
            units.quantity,
            units.name,
            units.unit_price.display(currency)
        ),
        CartEvent::ItemRemoved(units) => format!(
            "Removed {} × {} at {}",
            units.quantity,
            units.name,
            units.unit_price.display(currency)
        ),
        CartEvent::PromotionApplied(promotion) => format!(
            "Applied promotion {}: {}",
            promotion.code, promotion.description
        ),
        CartEvent::PromotionRemoved(promotion) => {
            format!("Removed promotion {}", promotion.code)
        }
        CartEvent::CartCheckedOut(order) => {
            let mut sentence = format!(
                "Checked out for {} as order {}",
                order.total.display(currency),
                order.order_id
            );
            if let Some(withdrawn) = &order.withdrawn {
                let skus = withdrawn.skus.iter().map(Sku::as_str);
                let parts: Vec<_> = skus.chain(withdrawn.promotion.as_deref()).collect();
                sentence.push_str(&format!(", with {} no longer offered", parts.join(", ")));
            }
            sentence
        }
        CartEvent::CartExpired(_) => "The cart expired: it was inactive too long".to_owned(),
    }
}
