//! The model of a cart, by its public face alone: what is decided, and what it adds up to.
//! [`rules`] goes through every command and every refusal, [`properties`] says what holds whatever
//! is wanted in whichever order.

mod cast;
mod properties;
mod rules;
