//! The pages as people meet them: in a real browser, from the first product to the order's number,
//! and through a history by keyboard.

mod asks;
mod browser;
mod budgets;
mod chromium;
mod currencies;
mod damage;
mod docs;
mod extremes;
mod hands;
mod history;
mod keyboard;
mod learn;
mod live;
mod looks;
mod measurements;
mod operator;
mod orders;
mod pictures;
mod pipeline;
mod products;
mod proof;
mod receipts;
mod replay;
mod requests;
mod schemes;
mod senses;
mod service;
mod shared;
mod shop;
mod stage;
mod tabs;
mod together;
mod visits;
mod webdriver;
mod webhooks;
