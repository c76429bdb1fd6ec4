//! The rules: a cart and a command give the events to write, or a refusal that names the violated
//! rule and what the shopper can do.

use super::command::{CartCommand, Offer, RequestedItem};
use super::contents::Contents;
use super::event::{CartCheckedOut, CartEvent, CartExpired, CartOpened, PromotionRemoved, Units};
use super::money::Money;
use super::promotion::Promotion;
use super::sku::Sku;
use super::state::{Cart, Closure, OpenCart};
use uuid::Uuid;

/// The limits of a cart. The configuration can lower them, never raise them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Lines per cart.
    pub lines: usize,
    /// Units per line.
    pub units: u32,
    /// Events per cart, including the one that closes it.
    pub events: u64,
}

impl Limits {
    pub const MOST: Limits = Limits {
        lines: 100,
        units: 999,
        events: 10_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::MOST
    }
}

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
    #[error("The total has changed. Please review your cart.")]
    TotalChanged { total: Money },
    #[error("The cart is not idle: it has changed since.")]
    NotIdle,
}

pub(super) fn decide(
    limits: &Limits,
    cart: &Cart,
    command: &CartCommand,
) -> Result<Vec<CartEvent>, Refusal> {
    if let CartCommand::OpenCart {
        currency,
        token_hash,
        items,
    } = command
    {
        let opened = CartOpened {
            currency: *currency,
            token_hash: *token_hash,
        };
        return open(limits, cart, opened, items);
    }
    let open = open_cart(cart)?;
    let contents = &open.contents;
    let events = match command {
        CartCommand::OpenCart { .. } => return Err(Refusal::AlreadyOpened),
        CartCommand::AddItem(item) => add(limits, contents, item, item.quantity)?,
        CartCommand::SetQuantity(item) => set(limits, contents, item)?,
        CartCommand::RemoveItem { sku } => match contents.quantity(sku) {
            0 => return Err(Refusal::NoSuchLine { sku: sku.clone() }),
            all => remove(contents, sku, all),
        },
        CartCommand::ClearCart => contents
            .lines()
            .flat_map(|line| remove(contents, &line.sku, line.quantity()))
            .collect(),
        CartCommand::ApplyPromotion { promotion } => {
            let promotion = promotion.as_ref().ok_or(Refusal::UnknownPromotion)?;
            apply_promotion(contents, promotion)
        }
        CartCommand::RemovePromotion => remove_promotion(contents)?,
        CartCommand::Undo => undo(open)?,
        CartCommand::Checkout {
            expected_total,
            order_id,
        } => return check_out(contents, *expected_total, *order_id).map(|event| vec![event]),
        CartCommand::Expire { idle_since } if contents.changed_at == *idle_since => {
            return Ok(vec![CartEvent::CartExpired(CartExpired {
                idle_since: *idle_since,
            })]);
        }
        CartCommand::Expire { .. } => return Err(Refusal::NotIdle),
    };
    within_event_limit(limits, contents, events)
}

/// The last event is reserved for the one that closes the cart: a cart with a full history can
/// still be paid for.
fn within_event_limit(
    limits: &Limits,
    contents: &Contents,
    events: Vec<CartEvent>,
) -> Result<Vec<CartEvent>, Refusal> {
    if contents.version + events.len() as u64 >= limits.events && !events.is_empty() {
        return Err(Refusal::TooManyEvents { max: limits.events });
    }
    Ok(events)
}

fn open_cart(cart: &Cart) -> Result<&OpenCart, Refusal> {
    match cart {
        Cart::NotOpened => Err(Refusal::NotOpened),
        Cart::Open(open) => Ok(open),
        Cart::Closed(closed) => Err(match closed.closure {
            Closure::CheckedOut { order_id } => Refusal::CheckedOut { order_id },
            Closure::Expired => Refusal::Expired,
        }),
    }
}

fn open(
    limits: &Limits,
    cart: &Cart,
    opened: CartOpened,
    items: &[RequestedItem],
) -> Result<Vec<CartEvent>, Refusal> {
    if !matches!(cart, Cart::NotOpened) {
        return Err(Refusal::AlreadyOpened);
    }
    let mut wanted: Vec<(&Offer, u32)> = Vec::with_capacity(items.len());
    for item in items {
        if item.quantity == 0 {
            return Err(Refusal::NoQuantity);
        }
        let offer = required_offer(item)?;
        match wanted.iter_mut().find(|(other, _)| other.sku == offer.sku) {
            Some((_, sum)) => *sum = sum.saturating_add(item.quantity),
            None => wanted.push((offer, item.quantity)),
        }
    }
    if wanted.len() > limits.lines {
        return Err(Refusal::TooManyLines { max: limits.lines });
    }
    let mut total = Money::ZERO;
    let mut events = Vec::with_capacity(1 + wanted.len());
    events.push(CartEvent::CartOpened(opened));
    for (offer, quantity) in wanted {
        within_units(limits, offer, quantity)?;
        total = sum_with(total, offer.unit_price, quantity)?;
        events.push(added(offer, quantity));
    }
    if events.len() as u64 >= limits.events {
        return Err(Refusal::TooManyEvents { max: limits.events });
    }
    Ok(events)
}

fn add(
    limits: &Limits,
    contents: &Contents,
    item: &RequestedItem,
    quantity: u32,
) -> Result<Vec<CartEvent>, Refusal> {
    if quantity == 0 {
        return Err(Refusal::NoQuantity);
    }
    let offer = required_offer(item)?;
    let before = contents.quantity(&offer.sku);
    within_units(limits, offer, before.saturating_add(quantity))?;
    if before == 0 && contents.lines().count() >= limits.lines {
        return Err(Refusal::TooManyLines { max: limits.lines });
    }
    sum_with(contents.items_total(), offer.unit_price, quantity)?;
    Ok(vec![added(offer, quantity)])
}

fn set(
    limits: &Limits,
    contents: &Contents,
    item: &RequestedItem,
) -> Result<Vec<CartEvent>, Refusal> {
    let before = contents.quantity(&item.sku);
    match item.quantity.checked_sub(before) {
        None | Some(0) => Ok(remove(contents, &item.sku, before - item.quantity)),
        Some(missing) => add(limits, contents, item, missing),
    }
}

fn required_offer(item: &RequestedItem) -> Result<&Offer, Refusal> {
    item.offer.as_ref().ok_or_else(|| Refusal::UnknownSku {
        sku: item.sku.clone(),
    })
}

/// The events that remove `quantity` units, the newest lots first, because shoppers reconsider what
/// they added last.
fn remove(contents: &Contents, sku: &Sku, quantity: u32) -> Vec<CartEvent> {
    let Some(line) = contents.line(sku) else {
        return Vec::new();
    };
    let mut left = quantity;
    let mut events = Vec::new();
    for lot in line.lots.iter().rev() {
        let removed = left.min(lot.quantity);
        if removed == 0 {
            break;
        }
        left -= removed;
        events.push(CartEvent::ItemRemoved(Units {
            sku: line.sku.clone(),
            name: line.name.clone(),
            quantity: removed,
            unit_price: lot.unit_price,
        }));
    }
    events
}

fn apply_promotion(contents: &Contents, promotion: &Promotion) -> Vec<CartEvent> {
    if contents.promotion.as_ref() == Some(promotion) {
        return Vec::new();
    }
    vec![CartEvent::PromotionApplied(promotion.clone())]
}

fn remove_promotion(contents: &Contents) -> Result<Vec<CartEvent>, Refusal> {
    match &contents.promotion {
        None => Err(Refusal::NoPromotion),
        Some(promotion) => Ok(vec![CartEvent::PromotionRemoved(PromotionRemoved {
            code: promotion.code.clone(),
        })]),
    }
}

fn undo(open: &OpenCart) -> Result<Vec<CartEvent>, Refusal> {
    let reversal = open.undo.reversal(&open.contents);
    if reversal.is_empty() {
        return Err(Refusal::NothingToUndo);
    }
    Ok(reversal)
}

fn check_out(
    contents: &Contents,
    expected_total: Money,
    order_id: Uuid,
) -> Result<CartEvent, Refusal> {
    if contents.lines().next().is_none() {
        return Err(Refusal::EmptyCart);
    }
    let total = contents.total();
    if total != expected_total {
        return Err(Refusal::TotalChanged { total });
    }
    Ok(CartEvent::CartCheckedOut(CartCheckedOut {
        order_id,
        items_total: contents.items_total(),
        discount: contents.discount(),
        total,
    }))
}

fn added(offer: &Offer, quantity: u32) -> CartEvent {
    CartEvent::ItemAdded(Units {
        sku: offer.sku.clone(),
        name: offer.name.clone(),
        quantity,
        unit_price: offer.unit_price,
    })
}

fn within_units(limits: &Limits, offer: &Offer, quantity: u32) -> Result<(), Refusal> {
    let max = offer.max_per_cart.unwrap_or(limits.units).min(limits.units);
    if quantity > max {
        return Err(Refusal::TooManyUnits {
            name: offer.name.to_string(),
            max,
        });
    }
    Ok(())
}

fn sum_with(total: Money, unit_price: Money, quantity: u32) -> Result<Money, Refusal> {
    unit_price
        .checked_times(quantity)
        .and_then(|amount| total.checked_add(amount))
        .ok_or(Refusal::TotalTooLarge)
}
