//! The model of a cart through its public API. [`rules`], [`undo`] and [`limits`] cover every
//! command and refusal, [`outputs`] sentences and explanations, [`properties`] random command
//! sequences, [`decoders`] arbitrary text, and [`currencies`] the table of the pages.

mod checkout;
mod currencies;
mod decoders;
mod fixtures;
mod generators;
mod limits;
mod outputs;
mod properties;
mod rules;
mod undo;
