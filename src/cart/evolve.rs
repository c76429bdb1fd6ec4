//! The fold: a cart and an event give the next cart. Total over whatever history holds: an event
//! that no rule of today would allow changes what it can and is never an error.

use super::command::{OPEN_CART, UNDO};
use super::event::{CartEvent, CartOpened, PromotionRemoved};
use super::state::{Cart, Change, ClosedCart, Closure, Contents, Line, OpenCart};
use crate::decider::Moment;

pub(super) fn evolve(cart: &mut Cart, event: &CartEvent, moment: &Moment<'_>) {
    if let Cart::Open(open) = cart {
        open.remember(event, moment);
    }
    match event {
        CartEvent::CartOpened(opened) => open(cart, opened, moment),
        CartEvent::ItemAdded(units) => change(cart, |contents| contents.put_in(units)),
        CartEvent::ItemRemoved(units) => change(cart, |contents| contents.take_out(units)),
        CartEvent::PromotionApplied(promotion) => change(cart, |contents| {
            contents.promotion = Some(promotion.clone());
        }),
        CartEvent::PromotionRemoved(_) => change(cart, |contents| contents.promotion = None),
        CartEvent::CartCheckedOut(order) => close(
            cart,
            Closure::CheckedOut {
                order_id: order.order_id,
            },
        ),
        CartEvent::CartExpired(_) => close(cart, Closure::Expired),
    }
    change(cart, |contents| {
        contents.version = moment.version;
        contents.changed_at = moment.at;
    });
}

fn open(cart: &mut Cart, opened: &CartOpened, moment: &Moment<'_>) {
    if !matches!(cart, Cart::NotOpened) {
        return;
    }
    *cart = Cart::Open(OpenCart {
        contents: Contents {
            version: moment.version,
            currency: opened.currency,
            token_hash: opened.token_hash,
            shelf: Vec::new(),
            promotion: None,
            opened_at: moment.at,
            changed_at: moment.at,
        },
        undoable: Vec::new(),
        latest_undo: None,
    });
}

fn change(cart: &mut Cart, change: impl FnOnce(&mut Contents)) {
    if let Some(contents) = cart.contents_mut() {
        change(contents);
    }
}

fn close(cart: &mut Cart, closure: Closure) {
    *cart = match std::mem::take(cart) {
        Cart::Open(open) => Cart::Closed(ClosedCart {
            contents: open.contents,
            closure,
        }),
        unopened_or_closed => unopened_or_closed,
    };
}

impl OpenCart {
    /// Keeps what `event` would take to reverse, before it is applied; or, where the event is a
    /// reversal itself, strikes out the command that it reverses.
    fn remember(&mut self, event: &CartEvent, moment: &Moment<'_>) {
        if moment.command == OPEN_CART {
            return;
        }
        if moment.command == UNDO {
            if self.latest_undo != Some(moment.command_id) {
                self.latest_undo = Some(moment.command_id);
                self.undoable.pop();
            }
            return;
        }
        let Some(reversal) = self.contents.reversal(event) else {
            return;
        };
        match self.undoable.last_mut() {
            Some(change) if change.command_id == moment.command_id => {
                change.reversals.push(reversal);
            }
            Some(_) | None => self.undoable.push(Change {
                command_id: moment.command_id,
                reversals: vec![reversal],
            }),
        }
    }
}

impl Contents {
    /// The event that takes `event` back, if it were applied now.
    fn reversal(&self, event: &CartEvent) -> Option<CartEvent> {
        match event {
            CartEvent::ItemAdded(units) => Some(CartEvent::ItemRemoved(units.clone())),
            CartEvent::ItemRemoved(units) => Some(CartEvent::ItemAdded(units.clone())),
            CartEvent::PromotionApplied(applied) => Some(match &self.promotion {
                Some(before) => CartEvent::PromotionApplied(before.clone()),
                None => CartEvent::PromotionRemoved(PromotionRemoved {
                    code: applied.code.clone(),
                }),
            }),
            CartEvent::PromotionRemoved(_) => self
                .promotion
                .as_ref()
                .map(|before| CartEvent::PromotionApplied(before.clone())),
            CartEvent::CartOpened(_) | CartEvent::CartCheckedOut(_) | CartEvent::CartExpired(_) => {
                None
            }
        }
    }
}

impl Cart {
    /// About how many bytes this cart holds in memory. An open cart remembers at most one reversal
    /// an event; the sum is not counted out, since every command asks.
    pub(super) fn weight(&self) -> usize {
        const LINE: usize = size_of::<Line>() + 96;
        const EVENT: usize = size_of::<Change>() + size_of::<CartEvent>() + 32;
        let lines = self.contents().map_or(0, |contents| contents.shelf.len());
        let events = match self {
            Cart::Open(open) => open.contents.version,
            Cart::NotOpened | Cart::Closed(_) => 0,
        };
        size_of::<Self>() + lines * LINE + usize::try_from(events).unwrap_or(usize::MAX) * EVENT
    }
}
