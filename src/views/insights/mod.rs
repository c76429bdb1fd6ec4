//! What the shop can learn from its log: a view a question, each a function of the log alone.
//!
//! Nothing here asks what time it is. Whether a cart is idle depends on the moment of the question,
//! so the reader brings that moment.

pub mod activity;
pub mod baskets;
pub mod journeys;
pub mod products;

pub use activity::Activity;
pub use baskets::Baskets;
pub use journeys::Journeys;
pub use products::Products;
