//! The state of a cart: a union of phases, so that illegal combinations cannot be represented.

pub use super::contents::{Contents, Line, Lot};
use super::undo::UndoStack;
use uuid::Uuid;

/// A cart in one of its phases.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Cart {
    #[default]
    NotOpened,
    Open(OpenCart),
    Closed(ClosedCart),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCart {
    pub contents: Contents,
    pub(super) undo: UndoStack,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedCart {
    pub contents: Contents,
    pub closure: Closure,
}

/// How a cart was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Closure {
    CheckedOut { order_id: Uuid },
    Expired,
}

impl Cart {
    /// The contents, or `None` before the cart is opened.
    pub fn contents(&self) -> Option<&Contents> {
        match self {
            Cart::NotOpened => None,
            Cart::Open(open) => Some(&open.contents),
            Cart::Closed(closed) => Some(&closed.contents),
        }
    }

    pub(super) fn contents_mut(&mut self) -> Option<&mut Contents> {
        match self {
            Cart::NotOpened => None,
            Cart::Open(open) => Some(&mut open.contents),
            Cart::Closed(closed) => Some(&mut closed.contents),
        }
    }
}
