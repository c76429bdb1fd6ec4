//! cartlog is a shopping-cart service whose only truth is an append-only log of events.
//!
//! The way of a command, in the order in which it meets the code: [`web`] reads a request;
//! [`commands`] loads the cart by folding its events, lets [`cart`] decide, and appends the events
//! that come of it to the [`log`], at the version that was decided on. Then, on its own time,
//! [`views`] takes them from the log and writes the tables that questions are answered from.
//!
//! Imports run downward only: `cli → service → web → commands, views → history → cart, log → decider`.

// These macros panic on a closed pipe; `cli::progress::print_note` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

// What everything rests on.
mod cache;
pub mod decider;
mod file_lock;
mod files;
pub mod timestamp;
mod wal;

// The model: no I/O, no clock, no randomness.
pub mod cart;
pub mod catalogue;

// The truth, and how a stream is read back from it.
pub mod history;
pub mod log;

// The log for other programs, and taken along.
pub mod cloud_event;
pub mod transfer;

// The write side and the read side, which know nothing of each other.
pub mod commands;
pub mod views;

// Proof that both are what they should be.
pub mod verify;

// The way in, and everything wired together.
pub mod background;
pub mod config;
pub mod expiry;
pub mod read_side;
pub mod service;
pub mod web;

// What the program can be told to do.
pub mod cli;
