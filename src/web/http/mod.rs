//! The HTTP protocol, shared by all resources.

pub mod body;
pub mod client;
pub mod connection;
pub mod decode;
pub mod gate;
pub mod headers;
pub mod live;
pub mod negotiate;
pub mod page;
pub mod path;
pub mod problem;
pub mod rate;
pub mod refusals;
pub mod response_headers;
pub mod streams;
