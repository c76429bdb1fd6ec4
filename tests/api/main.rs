//! End-to-end tests of the HTTP API: a real service per test, on its own port, with real sockets
//! and files. One file per resource; [`cartlog_testkit`] has the service and the client.

mod answers;
mod bad_input;
mod carts;
mod checkout;
mod conditions;
mod events;
mod everywhere;
mod expiry;
mod health;
mod insights;
mod items;
mod journal;
mod live_log;
mod metrics;
mod openapi;
mod operations;
mod operator;
mod pages;
mod products;
mod promotion;
mod proxies;
mod rates;
mod reference;
mod requests;
mod retries;
mod tokens;
mod views;
mod walkthrough;
mod why;
