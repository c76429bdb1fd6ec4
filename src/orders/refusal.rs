//! Why the rules refuse a command to an order. Only the warehouse is refused: the process sends
//! what the order's state asks for, and what is done already has no events.

/// Why the warehouse's answer is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OrderRefusal {
    #[error("Order not found.")]
    NotPlaced,
    #[error("This order was cancelled: release what was reserved for it.")]
    Cancelled,
    #[error("The warehouse refused this order before: release what was reserved for it.")]
    AlreadyRefused,
    #[error("The warehouse reserved this order before, so it can no longer refuse it.")]
    AlreadyReserved,
    #[error("This order needs no reservation: no warehouse was configured when it was placed.")]
    NotAsked,
}
