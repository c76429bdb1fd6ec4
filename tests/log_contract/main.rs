//! The promises of every engine ([`contract`]), and those of the embedded one beyond that
//! ([`sqlite`], [`index`]). An engine that breaks a promise fails the contract ([`faulty`]).

mod contract;
mod faulty;
mod import;
mod index;
mod jetstream;
mod memory;
mod postgres;
mod shared;
mod shared_faults;
mod shared_nodes;
mod shared_operation;
mod shared_shop;
mod sqlite;
