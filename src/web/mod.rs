//! The HTTP service. Imports point downward: `http` (protocol), `openapi` (descriptions), `auth`,
//! `metrics`, `state`, `endpoint`, then `api` (one resource a file) and `site` (pages), which this
//! module registers.

mod api;
mod auth;
mod endpoint;
mod http;
mod metrics;
mod openapi;
mod site;
mod state;

pub use auth::cart::CredentialIssuer;
pub use auth::operator::OperatorToken;
pub use http::connection::end_when_stalled;
pub use http::gate::{Gate, REQUESTS, gate};
pub use http::problem;
pub use http::rate::{RateLimits, RateSettings};
pub use http::streams::Streams;
pub use metrics::Metrics;
pub use state::{AppState, SharedState};

use actix_web::http::Method;
use actix_web::web::{ServiceConfig, scope};
use api::{
    cart, carts, checkout, events, health, insights, items, journal, operator, products, promotion,
    timeline, undo, verify, views, what_if, why,
};
use endpoint::Endpoint;
use openapi::Describe;
use serde_json::Value;
use site::{pages, reference};

/// The path that all resources of a cart share.
const CART: &str = "/api/carts/{id}";

static REFERENCE: reference::Reference = reference::Reference::of(description);

/// Registers all routes. The app data has to hold an [`AppState`], and [`gate`] has to wrap them.
///
/// actix-web matches a path against the routes one by one, and patterns with variables cost most.
/// So carts come first, in a scope that matches their id once.
pub fn routes(config: &mut ServiceConfig) {
    config.app_data(&REFERENCE);
    let cart = cart_endpoints()
        .into_iter()
        .fold(scope(CART), |scope, endpoint| {
            scope.service(endpoint.into_resource())
        });
    config.service(cart);
    for endpoint in endpoints() {
        config.service(endpoint.into_resource());
    }
    config.default_service(actix_web::web::to(pages::not_found));
}

/// The OpenAPI document of all routes.
fn description() -> Value {
    fn below(
        prefix: &'static str,
        endpoints: Vec<Endpoint>,
    ) -> impl Iterator<Item = (String, Vec<(Method, Describe)>)> {
        endpoints.into_iter().map(move |endpoint| {
            let (path, methods) = endpoint.into_description();
            (format!("{prefix}{path}"), methods)
        })
    }
    // A reader starts with opening a cart, which is the first of `endpoints()`.
    let mut others = below("", endpoints());
    let opening = others.next();
    openapi::document(
        opening
            .into_iter()
            .chain(below(CART, cart_endpoints()))
            .chain(others),
    )
}

/// The endpoints at and below [`CART`], by their paths from there.
fn cart_endpoints() -> Vec<Endpoint> {
    [
        cart::endpoints(),
        items::endpoints(),
        promotion::endpoints(),
        undo::endpoints(),
        checkout::endpoints(),
        events::endpoints(),
        timeline::endpoints(),
        why::endpoints(),
        what_if::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All other endpoints.
fn endpoints() -> Vec<Endpoint> {
    [
        carts::endpoints(),
        journal::endpoints(),
        insights::endpoints(),
        operator::endpoints(),
        views::endpoints(),
        verify::endpoints(),
        products::endpoints(),
        health::endpoints(),
        api::metrics::endpoints(),
        reference::endpoints(),
        pages::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
