//! The model of a cart through its public API. [`rules`], [`undo`] and [`limits`] cover every
//! command and refusal, [`outputs`] sentences and explanations, [`properties`] random command
//! sequences, and [`decoders`] arbitrary text.

mod decoders;
mod fixtures;
mod generators;
mod limits;
mod outputs;
mod properties;
mod rules;
mod undo;
