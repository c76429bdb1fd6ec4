//! Insights: one view for each question, each a pure function of the log.
//!
//! No view reads the clock. Whether a cart is idle depends on the time of the query, which is an
//! argument.

pub mod activity;
pub mod baskets;
pub mod journeys;
pub mod products;

pub use activity::Activity;
pub use baskets::Baskets;
pub use journeys::Journeys;
pub use products::Products;
