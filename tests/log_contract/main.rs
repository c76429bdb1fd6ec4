//! What every engine of the log has to keep ([`contract`]), and what the embedded one promises
//! beyond that ([`sqlite`], [`index`]). An engine that lies does not pass ([`lies`]).

mod contract;
mod index;
mod lies;
mod memory;
mod sqlite;
