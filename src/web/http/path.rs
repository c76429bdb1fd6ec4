//! What stands in a request's path and query, read strictly.

use crate::cart::Sku;
use crate::timestamp::Timestamp;
use crate::web::http::problem::{Kind, Problem};
use actix_web::dev::Payload;
use actix_web::error::QueryPayloadError;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use std::future::{Ready, ready};
use uuid::Uuid;

/// The cart in the path: a UUID in its usual form, or there is nothing here.
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

/// The product in the path: a well-formed sku, or there is nothing here.
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

/// Whether a request's path names what there could be, whichever resource it is for.
pub fn names_something(request: &HttpRequest) -> bool {
    let named = |name| request.match_info().get(name);
    named("id").is_none_or(|id| hyphenated(id).is_some())
        && named("sku").is_none_or(|sku| Sku::parse(sku).is_ok())
}

/// A UUID in the hyphenated form alone: the crate reads three more, and one cart has one address.
pub fn hyphenated(text: &str) -> Option<Uuid> {
    (text.len() == uuid::fmt::Hyphenated::LENGTH)
        .then(|| Uuid::try_parse(text).ok())
        .flatten()
}

/// Reads the query as a `T`; what `T` does not know is refused.
pub fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    actix_web::web::Query::<T>::from_query(request.query_string())
        .map(actix_web::web::Query::into_inner)
        .map_err(|error| {
            let why = match error {
                QueryPayloadError::Deserialize(why) => why.to_string(),
                other => other.to_string(),
            };
            let detail = format!("The query cannot be used: {why}.");
            Problem::new(Kind::InvalidQuery, detail)
        })
}

/// Refuses whatever the query of `request` says, where nothing is to be said there: a misspelt
/// condition that was read over would be taken for one that holds.
pub fn no_query(request: &HttpRequest) -> Result<(), Problem> {
    if request.query_string().is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        Kind::InvalidQuery,
        "The query cannot be used: nothing is asked for by one here.",
    ))
}

/// The moment that the query's `name` says, if it says one.
pub fn moment(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    text.map(Timestamp::parse).transpose().map_err(|error| {
        Problem::new(
            Kind::InvalidQuery,
            format!("{name} cannot be used: {error}."),
        )
    })
}
