//! The HTTP protocol, shared by all resources.

pub mod arrival;
pub mod body;
pub mod client;
pub mod connection;
pub mod cors;
pub mod decode;
pub mod downloads;
pub mod event_id;
pub mod failures;
pub mod gate;
pub mod headers;
pub mod live;
pub mod negotiate;
pub mod page;
pub mod path;
pub mod per_client;
pub mod problem;
pub mod rate;
pub mod request_meter;
pub mod request_span;
pub mod response_headers;
pub mod shed;
pub mod streams;
pub mod trace;
pub mod turn;
