//! The fold: a cart and an event give the next cart. It is total: an event that the current rules
//! would not allow is applied as far as possible and is never an error.

use super::command::{OPEN_CART, UNDO};
use super::event::{CartEvent, CartOpened};
use super::state::{Cart, ClosedCart, Closure, Contents, Line, OpenCart};
use super::undo::UndoStack;
use crate::decider::EventContext;

pub(super) fn evolve(cart: &mut Cart, event: &CartEvent, context: &EventContext<'_>) {
    if let Cart::Open(open) = cart {
        open.remember(event, context);
    }
    match event {
        CartEvent::CartOpened(opened) => open(cart, opened, context),
        CartEvent::ItemAdded(units) => change(cart, |contents| contents.add(units)),
        CartEvent::ItemRemoved(units) => change(cart, |contents| contents.remove(units)),
        CartEvent::PromotionApplied(promotion) => change(cart, |contents| {
            contents.promotion = Some(promotion.clone());
            contents.promotion_version = context.version;
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
        contents.version = context.version;
        contents.changed_at = context.at;
    });
}

fn open(cart: &mut Cart, opened: &CartOpened, context: &EventContext<'_>) {
    if !matches!(cart, Cart::NotOpened) {
        return;
    }
    *cart = Cart::Open(OpenCart {
        contents: Contents {
            version: context.version,
            currency: opened.currency,
            token_hash: opened.token_hash,
            shelf: Vec::new(),
            promotion: None,
            promotion_version: 0,
            opened_at: context.at,
            changed_at: context.at,
        },
        undo: Some(UndoStack::default()),
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
    /// Records how to reverse `event` before it is applied. An event of an undo pops the command
    /// that it reverses instead. Opening a cart cannot be undone.
    fn remember(&mut self, event: &CartEvent, context: &EventContext<'_>) {
        let Some(undo) = &mut self.undo else {
            return;
        };
        match context.command {
            OPEN_CART => {}
            UNDO => undo.pop(context.command_id, &mut self.contents),
            _ => undo.push(event, context, &self.contents),
        }
    }
}

impl Cart {
    /// Drops the undo stack for good: the cart is only read from now on.
    ///
    /// A fold for readers does so from its first event. The stack restores the names of lines that
    /// an undo empties, and the fold must not depend on where it began.
    pub fn forget_undo(&mut self) {
        if let Cart::Open(open) = self {
            open.undo = None;
        }
    }

    /// The approximate size in memory, in bytes.
    pub(super) fn weight(&self) -> usize {
        const LINE: usize = size_of::<Line>() + 96;
        let lines = self.contents().map_or(0, |contents| contents.shelf.len());
        let undo = match self {
            Cart::Open(open) => open.undo.as_ref().map_or(0, UndoStack::weight),
            Cart::NotOpened | Cart::Closed(_) => 0,
        };
        size_of::<Self>() + lines * LINE + undo
    }
}
