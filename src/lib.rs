//! cartlog is an event-sourced shopping-cart service: the append-only log of events is the only
//! source of truth.
//!
//! The way of a command: [`web`] parses a request; [`commands`] loads the cart by folding its
//! events, lets [`cart`] decide, and appends the resulting events to the [`log`] at the version
//! that was decided on. Asynchronously, [`views`] projects the log into tables that queries read.
//!
//! Imports point downward only: `cli → service → web → commands, views → history → cart, log →
//! decider`. `docs/architecture.md` describes each module and the decisions behind it.

// These macros panic on a closed pipe; `cli::progress::print_note` does not.
#![deny(clippy::print_stdout, clippy::print_stderr)]

// Foundations.
pub mod background;
pub mod background_errors;
mod backoff;
mod build;
mod cache;
mod database_size;
pub mod decider;
mod disk_space;
mod file_lock;
mod files;
mod id;
pub mod jobs;
pub mod nats;
pub mod outbound;
pub mod timestamp;
mod tls;
pub mod traces;
mod wal;

// The models: no I/O, no clock, no randomness.
pub mod cart;
mod model_code;
pub mod models;
pub mod orders;

// Products, prices and promotions, from files.
pub mod catalogue;

// The source of truth, how a stream is read back from it, and the secret that belongs to it.
pub mod history;
pub mod log;
pub mod merkle;
pub mod secret;

// The log for other programs: events in a portable format, public events, export and import.
pub mod cloud_event;
pub mod public_events;
pub mod transfer;

// The write side and the read side, which know nothing of each other.
pub mod commands;
pub mod views;

// Signed checkpoints of the log, and the verification of log and views.
pub mod proof;
pub mod verify;

// Public events sent to other services, and the log mirrored into a broker.
pub mod mirror;
pub mod webhooks;

// Protocol and wiring.
pub mod config;
pub mod expiry;
pub mod order_process;
pub mod read_side;
pub mod service;
pub mod signing;
mod simulated_days;
mod simulated_shoppers;
mod starting;
pub mod web;

// The command line.
pub mod cli;
