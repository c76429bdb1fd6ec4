//! Why the rules refuse a command.

use super::money::{Currency, Money};
use super::notice::{self, Notice};
use super::sku::Sku;
use uuid::Uuid;

/// Why a command is refused, in words for the shopper.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("Cart not found.")]
    NotOpened,
    #[error("This cart is already open.")]
    AlreadyOpened,
    #[error("This cart was checked out as order {order_id}. Open a new cart to continue shopping.")]
    CheckedOut { order_id: Uuid },
    #[error("This cart expired because it was inactive too long. Open a new one.")]
    Expired,
    #[error(
        "This cart is in {cart_currency}, and {offered} is offered in {currency}. \
         Open a new cart for it."
    )]
    CurrencyMismatch {
        /// The product's name in quotes, or the promotion's code.
        offered: String,
        currency: Currency,
        cart_currency: Currency,
    },
    #[error("The quantity must be at least 1.")]
    NoQuantity,
    #[error("The shop has no product “{sku}”.")]
    UnknownSku { sku: Sku },
    #[error("Limit {max} of “{name}” per order.")]
    TooManyUnits { name: String, max: u32 },
    #[error("Limit {max} different products per order. Remove one first.")]
    TooManyLines { max: usize },
    #[error("The total would be too large.")]
    TotalTooLarge,
    #[error("This cart has reached the limit of {max} events. It can still be checked out.")]
    TooManyEvents { max: u64 },
    #[error("There is no “{sku}” in this cart.")]
    NoSuchLine { sku: Sku },
    #[error("This code isn't valid.")]
    UnknownPromotion,
    #[error("There is no promotion on this cart.")]
    NoPromotion,
    #[error("Nothing to undo.")]
    NothingToUndo,
    #[error("Your cart is empty. Add an item before checkout.")]
    EmptyCart,
    #[error("{}", notice::in_words(.notices, *.currency))]
    NoLongerOffered {
        currency: Currency,
        /// Withdrawals alone.
        notices: Vec<Notice>,
    },
    #[error("The total has changed. Please review your cart.")]
    TotalChanged { total: Money },
    #[error("The cart is not idle: it has changed since.")]
    NotIdle,
}
