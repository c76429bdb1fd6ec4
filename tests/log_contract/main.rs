//! What every engine of the log has to keep ([`contract`]), and what the embedded one promises
//! beyond that ([`sqlite`]).

mod contract;
#[path = "../support/memory.rs"]
mod engine;
mod lies;
mod memory;
mod sqlite;
