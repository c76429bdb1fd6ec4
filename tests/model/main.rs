//! The model of a cart through its public API. [`rules`], [`undo`] and [`limits`] cover every
//! command and refusal, [`outputs`] covers sentences and explanations, [`properties`] holds for
//! random command sequences, and [`decoders`] reads arbitrary text.

mod cast;
mod decoders;
mod generators;
mod limits;
mod outputs;
mod properties;
mod rules;
mod undo;
