//! `/api/carts/{id}`: a cart, from the view or at a past version from the log.

use crate::cart::Cart;
use crate::cart::document::CartDocument;
use crate::log::Version;
use crate::views::Until;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::headers::{if_none_match, preferences};
use crate::web::http::path::{CartId, moment, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::{LOG_POSITION, etag, server_timing};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Deserialize;
use std::time::Instant;
use uuid::Uuid;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("").get(Rate::Cart, get, describe_get)]
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CartQuery {
    /// Get the cart at this version.
    #[schemars(range(min = 1))]
    version: Option<u64>,
    /// Get the cart at this time.
    #[schemars(extend("format" = "date-time"))]
    at: Option<String>,
    /// Wait until the view has reached this version.
    min_version: Option<u64>,
}

async fn get(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = id.0;
    let token = CartTokenDigest::of(&request);
    let query: CartQuery = query(&request)?;
    let time = moment("at", query.at.as_deref())?;
    match (query.version, time, query.min_version) {
        (None, None, min_version) => newest(&request, &state, id, token, min_version).await,
        (Some(version), None, None) => {
            let until = Until::Version(Version(version));
            let then = state.past_cart(id, token, until).await?;
            expect_version(&then.cart, version)?;
            past(&request, id, &then.cart, IMMUTABLE)
        }
        (None, Some(time), None) => {
            let then = state.past_cart(id, token, Until::Time(time)).await?;
            // Final, since the times of a cart's events never decrease.
            let caching = if then.has_later_events {
                IMMUTABLE
            } else {
                "no-store"
            };
            past(&request, id, &then.cart, caching)
        }
        _ => Err(Problem::new(
            Kind::InvalidQuery,
            "version, at and min_version exclude each other.",
        )),
    }
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Carts, "getCart", "Get a cart")
        .description(
            "The current cart comes from a view, which may lag by some milliseconds; \
             `min_version` waits for it. With `version` or `at`, the cart is folded from the log \
             as it was then. The three parameters exclude each other.",
        )
        .requires_cart_token()
        .query::<CartQuery>()
        .optional_headers(&[Header::IfNoneMatch, Header::Prefer, Header::Traceparent])
        .responds(StatusCode::OK, "The cart.")
        .json::<CartDocument<'static>>()
        .with_headers(&[Header::Etag, Header::CacheControl])
        .may_have_headers(&[Header::LogPosition, Header::ServerTiming])
        .responds(
            StatusCode::NOT_MODIFIED,
            "Not modified: `If-None-Match` names the current `ETag`.",
        )
        .with_headers(&[Header::Etag])
        .may_have_headers(&[
            Header::CacheControl,
            Header::LogPosition,
            Header::ServerTiming,
        ])
        .problems(&[
            Kind::NoSuchVersion,
            Kind::Overloaded,
            Kind::ViewBehind,
            Kind::ViewUnavailable,
        ])
}

/// `Cache-Control` of a cart at a past version: cached for a year, the maximum of HTTP caches.
pub const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// Responds with the row of the view as the updater wrote it.
async fn newest(
    request: &HttpRequest,
    state: &AppState,
    id: Uuid,
    token: CartTokenDigest,
    min_version: Option<u64>,
) -> Result<HttpResponse, Problem> {
    let started = Instant::now();
    let (mut row, mut seen) = state.cart_row(id, token).await?;
    // While the view is being built, the row comes from the write side, which is current.
    if let Some(wanted) = min_version
        && (row.version < wanted || state.views.can_read_carts())
    {
        let wait = preferences(request).wait;
        let (waited, reached) = state.views.cart_at_least(id, wanted, wait).await?;
        seen = reached;
        row = waited
            .filter(|row| row.version >= wanted)
            .ok_or_else(|| view_behind(wanted))?;
    }
    let mut response = if if_none_match(request, row.version)? {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag(row.version)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .insert_header((LOG_POSITION, HeaderValue::from(seen.0)))
        .insert_header(server_timing(&[("view", started.elapsed())]));
    let mut response = response.content_type("application/json").body(row.document);
    if response.status() == StatusCode::NOT_MODIFIED {
        response = response.drop_body().map_into_boxed_body();
    }
    Ok(response)
}

fn view_behind(wanted: u64) -> Problem {
    Problem::new(
        Kind::ViewBehind,
        format!("The view did not reach version {wanted} within the time given by Prefer: wait."),
    )
    .retry_after(1)
}

fn past(
    request: &HttpRequest,
    id: Uuid,
    cart: &Cart,
    caching: &'static str,
) -> Result<HttpResponse, Problem> {
    let document = CartDocument::of(id, cart).ok_or_else(no_such_version)?;
    let unchanged = if_none_match(request, document.version)?;
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag(document.version)))
        .insert_header((header::CACHE_CONTROL, HeaderValue::from_static(caching)));
    if unchanged {
        return Ok(response.finish());
    }
    Ok(response
        .content_type("application/json")
        .body(document.to_json()))
}

/// Refuses a cart that is not at `version`, because that is not in its history.
pub fn expect_version(cart: &Cart, version: u64) -> Result<(), Problem> {
    let reached = cart.contents().map(|contents| contents.version);
    if reached == Some(version) {
        Ok(())
    } else {
        Err(no_such_version())
    }
}

pub fn no_such_version() -> Problem {
    Problem::new(
        Kind::NoSuchVersion,
        "The cart has no such version, or did not exist at that time.",
    )
}
