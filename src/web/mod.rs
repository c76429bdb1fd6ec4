//! HTTP: one file a resource. Commands go to [`crate::commands`], questions to [`crate::views`];
//! what happened is read from the log.

mod api;
mod http;
pub mod openapi;
mod site;
mod state;

pub use api::access::CredentialIssuer;
pub use api::metrics::Metrics;
pub use api::operator::OperatorToken;
pub use http::connection::end_when_stalled;
pub use http::gate::{REQUESTS, gate};
pub use http::problem;
pub use http::rate::{RateLimits, RateSettings};
pub use http::streams::Streams;
pub use state::{AppState, SharedState};

use actix_web::http::Method;
use actix_web::web::{ServiceConfig, scope};
use api::{
    carts, checkout, events, health, insights, items, journal, metrics, operator, products,
    promotion, timeline, undo, verify, views, why,
};
use http::resource::{Methods, at};
use openapi::Describe;
use site::{pages, reference};

/// The path that all resources of a cart share.
const CART: &str = "/api/carts/{id}";

/// All routes. The app data has to hold a [`AppState`], and [`gate`] has to be wrapped around.
///
/// A path is held against the routes one by one, and those with a variable cost the most. So the carts
/// come first, and their id is looked for once for all that is below it.
pub fn routes(config: &mut ServiceConfig) {
    let cart = cart().into_iter().fold(scope(CART), |scope, resource| {
        scope.service(resource.done())
    });
    config.service(cart);
    config.service(opening().done());
    for resource in others() {
        config.service(resource.done());
    }
    config.default_service(actix_web::web::to(pages::nowhere));
}

/// All routes, each with what describes it: what [`openapi`] is made from.
fn described() -> impl Iterator<Item = (String, Vec<(Method, Describe)>)> {
    let below = |prefix: &'static str| {
        move |resource: Methods| {
            let (path, methods) = resource.described();
            (format!("{prefix}{path}"), methods)
        }
    };
    // Whoever reads begins with opening a cart.
    std::iter::once(opening())
        .map(below(""))
        .chain(cart().into_iter().map(below(CART)))
        .chain(others().into_iter().map(below("")))
}

/// Where carts are opened.
fn opening() -> Methods {
    at("/api/carts").post(carts::open, openapi::carts::open)
}

/// The resources at and below [`CART`].
fn cart() -> Vec<Methods> {
    use openapi::{carts as told, histories};
    vec![
        at("").get(carts::get, told::get),
        at("/items")
            .post(items::add, told::add)
            .delete(items::clear, told::clear),
        at("/items/{sku}")
            .put(items::set, told::set)
            .delete(items::remove, told::remove),
        at("/promotion")
            .put(promotion::apply, told::apply)
            .delete(promotion::remove, told::remove_promotion),
        at("/undo").post(undo::undo, told::undo),
        at("/checkout").post(checkout::check_out, told::check_out),
        at("/events").get(events::list, histories::events),
        at("/timeline").get(timeline::list, histories::timeline),
        at("/why").get(why::why, histories::why),
        at("/what-if").post(why::what_if, histories::what_if),
    ]
}

/// All other resources.
fn others() -> Vec<Methods> {
    use openapi::insights as told;
    use openapi::{catalogue, service};
    vec![
        at("/api/events").get(journal::list, openapi::journal::list),
        at("/api/insights/funnel").get(insights::funnel, told::funnel),
        at("/api/insights/products").get(insights::products, told::products),
        at("/api/insights/hesitated").get(insights::hesitated, told::hesitated),
        at("/api/insights/pairs").get(insights::pairs, told::pairs),
        at("/api/insights/abandoned").get(insights::abandoned, told::abandoned),
        at("/api/insights/activity").get(insights::activity, told::activity),
        at("/api/operator")
            .get(operator::get_session, openapi::operator::get_session)
            .post(operator::sign_in, openapi::operator::sign_in)
            .delete(operator::sign_out, openapi::operator::sign_out),
        at("/api/views").get(views::list, openapi::views::list),
        at("/api/views/rebuild")
            .get(views::rebuild_status, openapi::views::rebuild_status)
            .post(views::rebuild, openapi::views::rebuild),
        at("/api/verify")
            .get(verify::status, openapi::views::verify_status)
            .post(verify::start, openapi::views::verify),
        at("/api/products").get(products::list, catalogue::list),
        at("/api/products/{sku}").get(products::get, catalogue::get),
        at("/livez").get(health::live, service::live),
        at("/readyz").get(health::ready, service::ready),
        at("/metrics").get(metrics::list, service::metrics),
        at("/openapi.json").get(openapi::serve, service::openapi),
        at("/docs").get(reference::docs, service::docs),
        at("/problems").get(reference::problems, service::problems),
        at("/problems/{slug}").get(reference::problem, service::problem),
        at("/").get(pages::shop, service::shop),
        at("/history").get(pages::history, service::history),
        at("/history/{id}").get(pages::cart_history, service::cart_history),
        at("/insights").get(pages::insights, service::insights),
        at("/operations").get(pages::operations, service::operations),
        at("/{file:(css|js|pictures)/.+|favicon\\.svg}").get(pages::file, service::file),
    ]
}
