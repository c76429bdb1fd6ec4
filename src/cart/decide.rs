//! The rules: a cart and a command give the events to write, or a refusal that names the violated
//! rule and what the shopper can do.

use super::CartModel;
use super::checkout::check_out;
use super::command::{CartCommand, RequestedItem};
use super::contents::Contents;
use super::event::{CartEvent, CartExpired, CartOpened, PromotionRemoved, Units};
use super::money::{Currency, Money};
use super::offers::{Offer, PromotionOffer};
use super::refusal::Refusal;
use super::sku::Sku;
use super::state::{Cart, Closure, OpenCart};

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

pub(super) fn decide(
    model: &CartModel,
    cart: &Cart,
    command: &CartCommand,
) -> Result<Vec<CartEvent>, Refusal> {
    let limits = &model.limits;
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
            apply_promotion(contents, promotion)?
        }
        CartCommand::RemovePromotion => remove_promotion(contents)?,
        CartCommand::Undo => undo(open)?,
        CartCommand::Checkout {
            expected_total,
            order_id,
            offers,
        } => {
            let event = check_out(contents, *expected_total, *order_id, offers, model)?;
            return Ok(vec![event]);
        }
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
    let currency = opened.currency;
    events.push(CartEvent::CartOpened(opened));
    for (offer, quantity) in wanted {
        in_currency(currency, offer)?;
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
    in_currency(contents.currency, offer)?;
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

/// Amounts of different currencies must never add up.
fn in_currency(cart_currency: Currency, offer: &Offer) -> Result<(), Refusal> {
    if offer.currency == cart_currency {
        return Ok(());
    }
    Err(Refusal::CurrencyMismatch {
        offered: format!("“{}”", offer.name),
        currency: offer.currency,
        cart_currency,
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

fn apply_promotion(contents: &Contents, offer: &PromotionOffer) -> Result<Vec<CartEvent>, Refusal> {
    if !offer.applies_to(contents.currency) {
        return Err(Refusal::CurrencyMismatch {
            offered: offer.promotion.code.clone(),
            currency: offer.currency,
            cart_currency: contents.currency,
        });
    }
    if contents.promotion.as_ref() == Some(&offer.promotion) {
        return Ok(Vec::new());
    }
    Ok(vec![CartEvent::PromotionApplied(offer.promotion.clone())])
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
    let stack = open.undo.as_ref().ok_or(Refusal::NothingToUndo)?;
    let reversal = stack.reversal(&open.contents);
    if reversal.is_empty() {
        return Err(Refusal::NothingToUndo);
    }
    Ok(reversal)
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
