//! The rules of a checkout.

use super::CartModel;
use super::contents::Contents;
use super::event::{CartCheckedOut, CartEvent, Withdrawn};
use super::money::Money;
use super::notice::Notice;
use super::offers::Offers;
use super::refusal::Refusal;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a checkout does about products and promotions that the shop no longer offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithdrawnAtCheckout {
    /// The shopper has to remove them first.
    #[default]
    Refuse,
    /// The order is taken, and its event records them.
    Accept,
}

/// The order at `expected_total`. Withdrawals come before the total: removing them changes it, so
/// the shopper would confirm an amount that cannot be paid.
pub(super) fn check_out(
    contents: &Contents,
    expected_total: Money,
    order_id: Uuid,
    offers: &Offers,
    model: &CartModel,
) -> Result<CartEvent, Refusal> {
    if contents.lines().next().is_none() {
        return Err(Refusal::EmptyCart);
    }
    let withdrawn = withdrawn(model.withdrawn, contents, offers)?;
    let total = contents.total();
    if total != expected_total {
        return Err(Refusal::TotalChanged { total });
    }
    Ok(CartEvent::CartCheckedOut(CartCheckedOut {
        order_id,
        items_total: contents.items_total(),
        discount: contents.discount(),
        total,
        withdrawn,
        order_follows: model.order_follows,
    }))
}

/// What of the order the shop no longer offers, if that is accepted.
fn withdrawn(
    policy: WithdrawnAtCheckout,
    contents: &Contents,
    offers: &Offers,
) -> Result<Option<Withdrawn>, Refusal> {
    let mut notices = offers.notices(contents);
    notices.retain(Notice::is_withdrawal);
    match policy {
        _ if notices.is_empty() => Ok(None),
        WithdrawnAtCheckout::Refuse => Err(Refusal::NoLongerOffered {
            currency: contents.currency,
            notices,
        }),
        WithdrawnAtCheckout::Accept => {
            let mut withdrawn = Withdrawn::default();
            for notice in notices {
                match notice {
                    Notice::ProductWithdrawn { sku, .. } => withdrawn.skus.push(sku),
                    Notice::PromotionWithdrawn { code, .. } => withdrawn.promotion = Some(code),
                    Notice::PriceChanged { .. } | Notice::PromotionChanged { .. } => {}
                }
            }
            Ok(Some(withdrawn))
        }
    }
}
