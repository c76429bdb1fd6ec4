//! NATS JetStream, as a log and its mirror use it: the connection, requests to its API, publishing,
//! and a stream that keeps every message as it was stored.

mod api;
mod client;
mod last_error;
mod publish;
mod settings;
mod stream;

pub use settings::{Credentials, Secret, ServerSettings};

pub(crate) use api::{ANSWER_WITHIN, Api, Failure};
pub(crate) use client::{addresses, list, open};
pub(crate) use publish::{Conditions, Published, check_size, outcome, publish};
pub(crate) use stream::{
    NO_STREAM, RETRY_AFTER, StreamSettings, check, create, get, info, retrying,
};

/// Whether `name` can be a part of a subject, and the name of a stream.
pub(crate) fn is_token(name: &str) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    !name.is_empty() && name.chars().all(is_plain)
}
