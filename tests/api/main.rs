//! The API as its clients meet it: a real service on a port of its own, real sockets, real files.
//! One file a resource; [`app`] is the client that all of them use.

mod app;
mod carts;
mod events;
mod health;
mod insights;
mod journal;
mod requests;
mod why;
