//! The HTTP service. Imports point downward: `http` (protocol), `openapi` (descriptions), `auth`,
//! `metrics`, `measurements`, `fold_limit`, `refused_commands`, `setting`, `state`, `endpoint`,
//! then
//! `api` (one resource a file) and `site` (pages), which this module registers and `server` serves.

mod api;
mod auth;
mod endpoint;
mod fold_limit;
mod http;
mod measurements;
mod metrics;
mod openapi;
mod refused_commands;
mod server;
mod setting;
mod site;
mod state;

pub use api::measurements::measure;
pub use auth::cart::CredentialIssuer;
pub use auth::operator::{OperatorAccess, SessionCookie};
pub use auth::share::ShareTokens;
pub use auth::warehouse::WarehouseAccess;
pub use fold_limit::FoldLimit;
pub use http::cors::{AllowedOrigins, is_origin};
pub use http::failures::RecentFailures;
pub use http::gate::{Gate, REQUESTS};
pub use http::page::Cursors;
pub use http::problem;
pub use http::rate::{RateLimits, RateSettings};
pub use http::request_meter::RequestMeter;
pub use http::shed::ShedMeter;
pub use http::streams::Streams;
pub use measurements::Measurements;
pub use metrics::Metrics;
pub use refused_commands::RefusedCommands;
pub use server::{ServerSettings, serve, serve_starting};
pub use setting::{Setting, SettingSource};
pub use state::{AppState, Downloads, Node, ProofState, SharedState};

use actix_web::web::{ServiceConfig, scope};
use api::{
    cart, carts, catalogue, checkout, code, damage, event_proof, events, health, insights, items,
    journal, notices, operator, order_events, orders, products, promotion, public_events, refusals,
    related, shares, simulation, timeline, tree, undo, verify, views, webhooks, what_if, why,
};
use endpoint::Endpoint;
use openapi::Operations;
use serde_json::Value;
use site::{pages, reference, shop};

/// The path that all resources of a cart share.
const CART: &str = "/api/carts/{id}";

static REFERENCE: reference::Reference = reference::Reference::of(description);

/// Registers all routes. The app data has to hold a [`state::AppState`], and [`http::gate::gate`]
/// has to wrap them.
///
/// actix-web matches a path against the routes one by one, and patterns with variables cost most.
/// So carts come first, in a scope that matches their id once.
fn routes(config: &mut ServiceConfig, meter: &RequestMeter) {
    config.app_data(&REFERENCE);
    let cart = cart_endpoints()
        .into_iter()
        .fold(scope(CART), |scope, endpoint| {
            scope.service(endpoint.into_resource(CART, meter))
        });
    config.service(cart);
    for endpoint in endpoints() {
        config.service(endpoint.into_resource("", meter));
    }
    config.default_service(actix_web::web::to(pages::not_found));
}

/// The OpenAPI document of all routes.
fn description() -> Value {
    fn below(
        prefix: &'static str,
        endpoints: Vec<Endpoint>,
    ) -> impl Iterator<Item = (String, Operations)> {
        endpoints.into_iter().map(move |endpoint| {
            let (path, operations) = endpoint.into_description();
            (format!("{prefix}{path}"), operations)
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
        event_proof::endpoints(),
        timeline::endpoints(),
        why::endpoints(),
        what_if::endpoints(),
        notices::endpoints(),
        refusals::endpoints(),
        shares::cart_endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// All other endpoints.
fn endpoints() -> Vec<Endpoint> {
    [
        carts::endpoints(),
        orders::endpoints(),
        order_events::endpoints(),
        journal::endpoints(),
        public_events::endpoints(),
        insights::endpoints(),
        operator::endpoints(),
        views::endpoints(),
        api::rebuild::endpoints(),
        verify::endpoints(),
        api::jobs::endpoints(),
        damage::endpoints(),
        code::endpoints(),
        simulation::endpoints(),
        webhooks::endpoints(),
        tree::endpoints(),
        products::endpoints(),
        related::endpoints(),
        shares::endpoints(),
        catalogue::endpoints(),
        health::endpoints(),
        api::measurements::endpoints(),
        api::failures::endpoints(),
        api::background_errors::endpoints(),
        api::configuration::endpoints(),
        api::export::endpoints(),
        api::backup::endpoints(),
        api::search::endpoints(),
        api::metrics::endpoints(),
        reference::endpoints(),
        shop::endpoints(),
        pages::endpoints(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
