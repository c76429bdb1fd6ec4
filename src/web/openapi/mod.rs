//! How operations are described, and the OpenAPI 3.1 document made from their descriptions.
//!
//! A route cannot be registered without a description, so the document is complete by construction.
//! To add an endpoint:
//!
//! 1. Write the handler in its resource's file in `web/api`, and beside it a function
//!    `describe_<handler>(Operation) -> Operation` that lists parameters, responses and problems.
//!    Derive [`schemars::JsonSchema`] for the types that the handler reads and writes; their doc
//!    comments become descriptions.
//! 2. Register both in that file's `endpoints()`: `at("/readyz").get(ready, describe_ready)`.
//! 3. Renew the snapshot in the tests and review its diff:
//!    `CARTLOG_GOLDEN=write cargo nextest run --test api the_description`.

mod document;
mod headers;
mod operation;
mod schemas;
mod tag;

pub use document::document;
pub use headers::Header;
pub use operation::{Describe, Operation};
pub use tag::Tag;
