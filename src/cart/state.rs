//! The state of a cart: a union of phases, so that illegal combinations cannot be represented.

pub use super::contents::{Contents, Line, Lot};
use super::undo::UndoStack;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A cart in one of its phases. Its serialized form, which has no undo stack, is the row of the
/// view `snapshots`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Cart {
    #[default]
    NotOpened,
    Open(OpenCart),
    Closed(ClosedCart),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenCart {
    pub contents: Contents,
    /// `None` in a cart that is only read.
    #[serde(skip)]
    pub(super) undo: Option<UndoStack>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedCart {
    pub contents: Contents,
    pub closure: Closure,
}

/// How a cart was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
