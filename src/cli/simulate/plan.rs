//! The parameters of a simulation, and why it cannot run.

use std::time::Duration;

/// The parameters of a simulation.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Base URL, such as `http://127.0.0.1:8080`.
    pub url: String,
    /// Number of carts to open.
    pub carts: u64,
    /// Carts per second; 0 for no limit.
    pub rate: f64,
    /// Concurrent shoppers, each on a connection of its own.
    pub concurrency: usize,
    pub seed: u64,
    /// Average pause of a shopper between two steps.
    pub pause: Duration,
    /// How long a request is retried before the simulation gives up.
    pub patience: Duration,
}

/// Why the simulation cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    #[error("--url {url} must start with http:// and contain nothing but host and port")]
    Address { url: String },
    #[error("cannot reach {url}: {reason}. Start the service first (cartlog serve)")]
    Unreachable { url: String, reason: String },
    #[error("{url} must be a cartlog service: {reason}")]
    NotCartlog { url: String, reason: String },
    #[error("cannot simulate days in the past: {reason}")]
    Refused { reason: String },
}
