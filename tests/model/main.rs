//! The model of a cart, by its public face alone: what is decided, and what it adds up to.
//! [`rules`] goes through every command and every refusal, [`properties`] says what holds whatever
//! is wanted in whichever order. [`decoders`] reads texts that may be anything.

mod cast;
mod decoders;
mod properties;
mod rules;

#[path = "../support/seeded.rs"]
mod seeded;
