//! The REST resources, one a file.

pub mod cart;
pub mod carts;
pub mod checkout;
pub mod command;
pub mod event;
pub mod events;
pub mod health;
pub mod insights;
pub mod items;
pub mod journal;
pub mod live_cart;
pub mod live_log;
pub mod metrics;
pub mod operator;
pub mod products;
pub mod promotion;
pub mod timeline;
pub mod undo;
pub mod verify;
pub mod views;
pub mod what_if;
pub mod why;
