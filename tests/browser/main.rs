//! The pages as people meet them: in a real browser, from the first product to the order's number,
//! and through a history by keyboard.

mod browser;
mod budgets;
mod chromium;
mod hands;
mod history;
mod keyboard;
mod looks;
mod operator;
mod pictures;
mod replay;
mod requests;
mod schemes;
mod senses;
mod service;
mod shop;
mod stage;
mod together;
mod webdriver;
