//! HTTP requests of this service to others: where they may go, and the client that sends them.

mod agent;
mod target;

pub use agent::{agent, collector_agent};
pub use target::Target;
