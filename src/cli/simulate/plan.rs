//! What a simulation plays, and why it could not.

use std::time::Duration;

/// What is to be played.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where the service is, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// How many carts are opened.
    pub carts: u64,
    /// How many carts are opened a second; 0 for as many as the service takes.
    pub rate: f64,
    /// How many shoppers are in the shop at once, each on a connection of its own.
    pub concurrency: usize,
    pub seed: u64,
    /// How long a shopper thinks between two steps, on average.
    pub pause: Duration,
    /// For how long a request is tried again that the service cannot take now.
    pub patience: Duration,
}

/// Why nothing could be played.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("{url} is no address to shop at: it begins with http:// and names a host")]
    Address { url: String },
    #[error("{url} does not answer: {reason}. Start the service first (cartlog serve)")]
    Unreachable { url: String, reason: String },
    #[error("{url} does not answer as a cartlog does: {reason}")]
    NoShop { url: String, reason: String },
}
