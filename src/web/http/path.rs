//! Path and query parameters, parsed strictly.

use crate::cart::Sku;
use crate::timestamp::Timestamp;
use crate::web::http::problem::{Kind, Problem};
use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};
use uuid::Uuid;

/// The cart id in the path; 404 unless it is a hyphenated UUID.
#[derive(Debug, Clone, Copy)]
pub struct CartId(pub Uuid);

impl FromRequest for CartId {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            request
                .match_info()
                .get("id")
                .and_then(hyphenated)
                .map(CartId)
                .ok_or_else(Problem::not_found),
        )
    }
}

/// The sku in the path; 404 if it is malformed.
#[derive(Debug, Clone)]
pub struct PathSku(pub Sku);

impl FromRequest for PathSku {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(
            request
                .match_info()
                .get("sku")
                .and_then(|text| Sku::parse(text).ok())
                .map(PathSku)
                .ok_or_else(Problem::not_found),
        )
    }
}

/// Whether the parameters in the path are well-formed.
pub fn names_something(request: &HttpRequest) -> bool {
    let named = |name| request.match_info().get(name);
    named("id").is_none_or(|id| hyphenated(id).is_some())
        && named("sku").is_none_or(|sku| Sku::parse(sku).is_ok())
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
    text.map(Timestamp::parse)
        .transpose()
        .map_err(|error| Problem::new(Kind::InvalidQuery, format!("Invalid {name}: {error}.")))
}
