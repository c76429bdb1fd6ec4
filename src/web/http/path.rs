//! Path and query parameters, parsed strictly.

use crate::cart::Sku;
use crate::log::Version;
use crate::merkle::TilePath;
use crate::timestamp::Timestamp;
use crate::web::http::problem::{Kind, Problem};
use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::future::{Ready, ready};
use uuid::Uuid;

/// The parameter `name` in the path, as `parse` reads it; 404 if it is malformed.
fn path_parameter<T>(
    request: &HttpRequest,
    name: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Ready<Result<T, Problem>> {
    let parsed = request.match_info().get(name).and_then(parse);
    ready(parsed.ok_or_else(Problem::not_found))
}

/// The cart id in the path; 404 unless it is a hyphenated UUID.
#[derive(Debug, Clone, Copy)]
pub struct CartId(pub Uuid);

impl FromRequest for CartId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        path_parameter(request, "id", |text| hyphenated(text).map(CartId))
    }
}

/// The sku in the path; 404 if it is malformed.
#[derive(Debug, Clone)]
pub struct PathSku(pub Sku);

impl FromRequest for PathSku {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        path_parameter(request, "sku", |text| Sku::parse(text).ok().map(PathSku))
    }
}

/// The token of a share in the path; 404 if it is malformed.
#[derive(Debug, Clone)]
pub struct PathToken(pub String);

impl FromRequest for PathToken {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        path_parameter(request, "token", |text| {
            is_share_token(text).then(|| PathToken(text.to_owned()))
        })
    }
}

/// Whether `text` has the form of a share's token: 80 hexadecimal digits in lower case.
fn is_share_token(text: &str) -> bool {
    let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 80 && text.bytes().all(is_digit)
}

/// The version of an event in the path; 404 unless it is a number from 1, written in one way.
#[derive(Debug, Clone, Copy)]
pub struct PathVersion(pub Version);

impl FromRequest for PathVersion {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        path_parameter(request, "version", |text| version(text).map(PathVersion))
    }
}

fn version(text: &str) -> Option<Version> {
    let version = text.parse().ok().filter(|version: &u64| *version > 0)?;
    (version.to_string() == text).then_some(Version(version))
}

/// Whether the parameters in the path are well-formed.
pub fn names_something(request: &HttpRequest) -> bool {
    let named = |name| request.match_info().get(name);
    named("id").is_none_or(|id| hyphenated(id).is_some())
        && named("sku").is_none_or(|sku| Sku::parse(sku).is_ok())
        && named("token").is_none_or(is_share_token)
        && named("version").is_none_or(|text| version(text).is_some())
        && named("tile").is_none_or(|tile| TilePath::parse(tile).is_some())
}

/// Parses a hyphenated UUID. The crate accepts three more forms, but a cart has one address.
pub fn hyphenated(text: &str) -> Option<Uuid> {
    (text.len() == uuid::fmt::Hyphenated::LENGTH)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}

/// Parses the query as a `T`; unknown parameters are refused.
pub fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    actix_web::web::Query::<T>::from_query(request.query_string())
        .map(actix_web::web::Query::into_inner)
        .map_err(|error| {
            let why = match error {
                QueryPayloadError::Deserialize(why) => why.to_string(),
                other => other.to_string(),
            };
            let detail = format!("Invalid query: {why}.");
            Problem::new(Kind::InvalidQuery, detail)
        })
}

/// Refuses any query. A misspelt condition must not be ignored.
pub fn no_query(request: &HttpRequest) -> Result<(), Problem> {
    if request.query_string().is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        Kind::InvalidQuery,
        "Invalid query: this endpoint has no query parameters.",
    ))
}

/// The time in the query parameter `name`, if present.
pub fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(|text| parameter(name, text, Timestamp::parse))
        .transpose()
}

/// The value of the query parameter `name`. In a query a `+` is a space, which is the usual reason
/// why a time or an offset from UTC cannot be parsed.
pub fn parameter<T, E: Display>(
    name: &str,
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
) -> Result<T, Problem> {
    parse(text).map_err(|error| {
        let hint = match parse(&text.replacen(' ', "+", 1)) {
            Ok(_) => ". In a query `+` means a space: send it as `%2B`",
            Err(_) => "",
        };
        let detail = format!("Invalid {name}: {error}{hint}.");
        Problem::new(Kind::InvalidQuery, detail)
    })
}
