//! `/api/carts` and `/api/carts/{id}`.

use crate::cart::document::CartDocument;
use crate::cart::{Cart, CartCommand, CartModel, Sku};
use crate::decider::Decider;
use crate::history;
use crate::log::{Freshness, Version};
use crate::timestamp::Timestamp;
use crate::web::api::command::execute;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::http::body::read_optional_json;
use crate::web::http::decode::{AtLeastOne, Object};
use crate::web::http::headers::{idempotency_key, if_none_match, preferences};
use crate::web::http::path::{CartId, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::response_headers::{LOG_POSITION, etag, server_timing};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use uuid::Uuid;

#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenCart {
    /// What to put into it.
    #[serde(default)]
    items: Vec<Object<Item>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    sku: Sku,
    quantity: AtLeastOne,
}

pub async fn open(
    request: HttpRequest,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (opening, body) = read_optional_json::<OpenCart>(&request, payload).await?;
    let items = opening.items.into_iter();
    let items = items.map(|Object(item)| state.catalogue.look_up(item.sku, item.quantity.0));
    let credentials = match idempotency_key(&request)? {
        Some(key) => state.credentials.issue_for_key(&key),
        None => state.credentials.issue()?,
    };
    let command = CartCommand::OpenCart {
        currency: state.catalogue.currency,
        token_hash: credentials.token_hash(),
        items: items.collect(),
    };
    let response = execute(&state, &request, credentials.id, &command, &body).await?;
    let json = serde_json::to_vec(&OpenedCart {
        cart: response.document()?,
        token: &credentials.token,
    });
    let location = HeaderValue::from_str(&format!("/api/carts/{}", credentials.id))
        .expect("a path with a UUID makes a header value");
    let cookie = credentials.cookie(state.secure_cookies);
    Ok(response
        .header(header::LOCATION, location)
        .header(header::SET_COOKIE, cookie)
        .finish_with(StatusCode::CREATED, json.map_err(Problem::internal)?))
}

/// The new cart with its token.
#[derive(Serialize, JsonSchema)]
pub struct OpenedCart<'a> {
    #[serde(flatten)]
    cart: CartDocument<'a>,
    /// Authorizes requests for this cart. It is returned only here: store it.
    token: &'a str,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// The version to show the cart at.
    #[schemars(range(min = 1))]
    version: Option<u64>,
    /// The time to show the cart at.
    #[schemars(extend("format" = "date-time"))]
    at: Option<String>,
    /// The version that the view has to have reached at least.
    min_version: Option<u64>,
}

pub async fn get(
    request: HttpRequest,
    id: CartId,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let id = id.0;
    let token = CartTokenDigest::of(&request);
    match query::<Which>(&request)? {
        Which {
            version: None,
            at: None,
            min_version,
        } => newest(&request, &state, id, token, min_version).await,
        Which {
            version: Some(version),
            at: None,
            min_version: None,
        } => {
            state.cart(id, token).await?;
            let cart = at_version(&state, id, version).await?;
            past(&request, id, &cart, FOR_EVER)
        }
        Which {
            version: None,
            at: Some(at),
            min_version: None,
        } => {
            let time = Timestamp::parse(&at).map_err(|error| {
                Problem::new(Kind::InvalidQuery, format!("at cannot be used: {error}."))
            })?;
            state.cart(id, token).await?;
            let (cart, is_past) = at_time(&state, id, time).await?;
            past(
                &request,
                id,
                &cart,
                if is_past { FOR_EVER } else { "no-store" },
            )
        }
        _ => Err(Problem::new(
            Kind::InvalidQuery,
            "version, at and min_version exclude each other.",
        )),
    }
}

/// For what can never change: kept for a year, as long as HTTP caches keep anything.
const FOR_EVER: &str = "private, max-age=31536000, immutable";

/// The row of the view: the bytes that the updater wrote.
async fn newest(
    request: &HttpRequest,
    state: &AppState,
    id: Uuid,
    token: CartTokenDigest,
    min_version: Option<u64>,
) -> Result<HttpResponse, Problem> {
    let started = Instant::now();
    let (mut row, mut seen) = state.cart_row(id, token).await?;
    // While the view is being made, the log has answered already, and there is nothing to wait for.
    if let Some(wanted) = min_version
        && (row.version < wanted || state.views.can_read_carts())
    {
        let wait = preferences(request).wait;
        let (waited, reached) = state.views.cart_at_least(id, wanted, wait).await?;
        seen = reached;
        row = waited
            .filter(|row| row.version >= wanted)
            .ok_or_else(|| behind(wanted))?;
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

fn behind(wanted: u64) -> Problem {
    Problem::new(
        Kind::ViewBehind,
        format!("The view has not reached version {wanted} in the time that you wanted to wait."),
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

/// The cart as it was at `version`, folded from the log.
pub async fn at_version(state: &AppState, id: Uuid, version: u64) -> Result<Cart, Problem> {
    let mut cart = CartModel::initial();
    let mut reached = 0;
    history::for_each(
        &*state.log,
        id,
        Version(0),
        Some(Version(version)),
        Freshness::Linearizable,
        |event| {
            history::evolve::<CartModel>(&mut cart, &event)?;
            reached = event.version.0;
            Ok(())
        },
    )
    .await?;
    if version == 0 || reached < version {
        return Err(no_such_version());
    }
    Ok(cart)
}

/// The cart as it was at `time`, and whether that can never change: something has happened since,
/// and no event of a cart is recorded at an earlier time than the one before it.
async fn at_time(state: &AppState, id: Uuid, time: Timestamp) -> Result<(Cart, bool), Problem> {
    let mut cart = CartModel::initial();
    let mut is_past = false;
    let current = Freshness::Linearizable;
    history::for_each(&*state.log, id, Version(0), None, current, |event| {
        if event.recorded_at <= time {
            history::evolve::<CartModel>(&mut cart, &event)?;
        } else {
            is_past = true;
        }
        Ok(())
    })
    .await?;
    Ok((cart, is_past))
}

pub fn no_such_version() -> Problem {
    Problem::new(
        Kind::NoSuchVersion,
        "The cart had no such version, or was not open yet at that time.",
    )
}
