//! The model of a cart, by its public face alone: what is decided, and what it adds up to.
//! [`rules`], [`undo`] and [`limits`] go through every command and every refusal, [`told`] says what
//! it tells of itself, and [`properties`] what holds whatever is wanted in whichever order. [`decoders`] reads texts that may be anything.

mod cast;
mod decoders;
mod drawn;
mod limits;
mod properties;
mod rules;
mod told;
mod undo;
