//! The models through their public API: [`orders`] covers an order, all others a cart. [`rules`],
//! [`undo`] and [`limits`] cover every command and refusal, [`outputs`] sentences and explanations,
//! [`properties`] random command sequences, [`decoders`] arbitrary text, and [`currencies`] the
//! table of the pages.

mod checkout;
mod currencies;
mod decoders;
mod fixtures;
mod generators;
mod limits;
mod orders;
mod outputs;
mod properties;
mod rules;
mod undo;
