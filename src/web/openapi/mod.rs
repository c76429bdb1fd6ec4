//! How operations are described, and the OpenAPI 3.1 document made from their descriptions.
//!
//! A route cannot be registered without a description, so the document is complete by construction.
//! To add an endpoint:
//!
//! 1. Write the handler in its resource's file in `web/api`, and beside it a function
//!    `describe_<handler>(Operation) -> Operation` that lists parameters, responses and problems.
//!    Derive [`schemars::JsonSchema`] for the types that the handler reads and writes; their doc
//!    comments become descriptions.
//! 2. Register both in that file's `endpoints()`:
//!    `at("/readyz").get(Rate::Unlimited, ready, describe_ready)`, with the rate limit that
//!    its requests count against.
//! 3. Add a request of it to the story in `tests/api/examples/`, from which the examples come, and
//!    record it: `CARTLOG_GOLDEN=write cargo nextest run --test api examples::`.
//! 4. Renew the snapshot in the tests and review its diff:
//!    `CARTLOG_GOLDEN=write cargo nextest run --test api openapi::`.

mod asyncapi;
mod document;
pub mod examples;
mod headers;
mod operation;
mod schemas;
mod tag;

pub use asyncapi::asyncapi;
pub use document::document;
pub use headers::Header;
pub use operation::{Describe, Operation, Operations};
pub use tag::Tag;
