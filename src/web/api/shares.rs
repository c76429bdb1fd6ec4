//! `/api/carts/{id}/shares` and `/api/shared/{token}`: a cart at a version, for others to see.

use crate::cart::document::{CartDocument, SharedCart};
use crate::log::Version;
use crate::views::Until;
use crate::web::api::cart::{IMMUTABLE, expect_version, no_such_version};
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_optional_json;
use crate::web::http::headers::if_none_match;
use crate::web::http::path::{CartId, PathToken, no_query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::etag;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Below a cart.
pub fn cart_endpoints() -> Vec<Endpoint> {
    vec![at("/shares").post(Rate::Fold, share, describe_share)]
}

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/shared/{token}").get(Rate::Fold, get, describe_get)]
}

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ShareRequest {
    /// The version to share; the newest by default.
    #[schemars(range(min = 1))]
    version: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct Share<'a> {
    /// Authorizes `GET /api/shared/{token}`, and nothing else.
    token: &'a str,
    /// The version that it shows.
    version: u64,
    /// The path of the page that shows it.
    page: String,
}

/// Writes nothing, so it takes no idempotency key.
async fn share(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (ShareRequest { version }, _) = read_optional_json(&request, payload).await?;
    let token = CartTokenDigest::of(&request);
    let until = version.map_or(Until::NEWEST, |version| Until::Version(Version(version)));
    let past = state.past_cart(id.0, token, until).await?;
    let reached = past.cart.contents().map(|contents| contents.version);
    let shared = version.or(reached).ok_or_else(no_such_version)?;
    expect_version(&past.cart, shared)?;
    let token = state.shares.issue(id.0, Version(shared));
    let location = HeaderValue::from_str(&format!("/api/shared/{token}"))
        .expect("a path of hexadecimal digits makes a header value");
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, location))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(Share {
            token: &token,
            version: shared,
            page: format!("/shared/{token}"),
        }))
}

fn describe_share(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Carts, "shareCart", "Share a cart")
        .description(
            "A token with which anyone can see the cart at one version, and not change it. The \
             cart's own token is not in it. The same version always has the same token, and \
             nothing is written, so `Idempotency-Key` and `If-Match` are ignored. A share cannot \
             be revoked.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::Traceparent])
        .body::<ShareRequest>(false)
        .responds(StatusCode::CREATED, "The share.")
        .json::<Share<'static>>()
        .with_headers(&[Header::Location, Header::CacheControl])
        .problems(&[Kind::NoSuchVersion, Kind::Overloaded])
}

async fn get(
    request: HttpRequest,
    token: PathToken,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let (id, version) = state.shares.read(&token.0).ok_or_else(Problem::not_found)?;
    let cart = state.shared_cart(id, version).await?;
    // A log that was restored may not have reached the version yet.
    expect_version(&cart, version.0).map_err(|_| Problem::not_found())?;
    let document = CartDocument::of(id, &cart).ok_or_else(Problem::not_found)?;
    let document = SharedCart::from(document);
    let unchanged = if_none_match(&request, document.version)?;
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag(document.version)))
        .insert_header((header::CACHE_CONTROL, IMMUTABLE));
    if unchanged {
        return Ok(response.finish());
    }
    Ok(response.json(document))
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Carts, "getSharedCart", "Get a shared cart")
        .description(
            "The cart at the version that was shared, without the ids of the cart and of its \
             order. The token in the path is the only authorization; a forged one is 404.",
        )
        .optional_headers(&[Header::IfNoneMatch, Header::Traceparent])
        .responds(StatusCode::OK, "The shared cart.")
        .json::<SharedCart<'static>>()
        .with_headers(&[Header::Etag, Header::CacheControl])
        .responds(StatusCode::NOT_MODIFIED, "Not modified.")
        .with_headers(&[Header::Etag, Header::CacheControl])
        .problems(&[Kind::NotFound, Kind::Overloaded])
}
