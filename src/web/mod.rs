//! HTTP: one file a resource. Commands go to [`crate::commands`], questions to [`crate::views`];
//! what happened is read from the log.

mod access;
mod assets;
mod body;
mod carts;
mod checkout;
mod client;
mod command;
mod connection;
mod decode;
mod event;
mod events;
mod gate;
mod headers;
mod health;
mod insights;
mod items;
mod journal;
mod live;
mod live_cart;
mod live_log;
mod negotiate;
mod operator;
mod page;
mod pages;
mod path;
pub mod problem;
mod products;
mod promotion;
mod rate;
mod refusals;
mod resource;
mod shop;
mod streams;
mod timeline;
mod undo;
mod verify;
mod views;
mod why;

pub use access::Openings;
pub use connection::end_when_stalled;
pub use gate::gate;
pub use operator::OperatorToken;
pub use rate::{RateLimits, RateSettings};
pub use shop::{Shared, Shop};
pub use streams::Streams;

use actix_web::web::{ServiceConfig, scope};
use resource::at;

/// All routes. The app data has to hold a [`Shop`], and [`gate`] has to be wrapped around.
///
/// A path is held against the routes one by one, so the carts come first and share a scope.
pub fn routes(config: &mut ServiceConfig) {
    let carts = [
        at("/{id}").get(carts::get),
        at("/{id}/items").post(items::add).delete(items::clear),
        at("/{id}/items/{sku}")
            .put(items::set)
            .delete(items::remove),
        at("/{id}/promotion")
            .put(promotion::apply)
            .delete(promotion::remove),
        at("/{id}/undo").post(undo::undo),
        at("/{id}/checkout").post(checkout::check_out),
        at("/{id}/events").get(events::list),
        at("/{id}/timeline").get(timeline::list),
        at("/{id}/why").get(why::why),
        at("/{id}/what-if").post(why::what_if),
        at("").post(carts::open),
    ];
    let others = [
        at("/api/events").get(journal::list),
        at("/api/insights/funnel").get(insights::funnel),
        at("/api/insights/products").get(insights::products),
        at("/api/insights/hesitated").get(insights::hesitated),
        at("/api/insights/pairs").get(insights::pairs),
        at("/api/insights/abandoned").get(insights::abandoned),
        at("/api/insights/activity").get(insights::activity),
        at("/api/operator")
            .get(operator::standing)
            .post(operator::sign_in)
            .delete(operator::sign_out),
        at("/api/views").get(views::list),
        at("/api/views/rebuild")
            .get(views::rebuild_status)
            .post(views::rebuild),
        at("/api/verify").get(verify::status).post(verify::start),
        at("/api/products").get(products::list),
        at("/api/products/{sku}").get(products::get),
        at("/livez").get(health::live),
        at("/readyz").get(health::ready),
        at("/").get(pages::shop),
        at("/history").get(pages::history),
        at("/history/{id}").get(pages::history),
        at("/insights").get(pages::insights),
        at("/operations").get(pages::operations),
        at("/{file:(css|js|pictures)/.+|favicon\\.svg}").get(pages::file),
    ];
    let scope = carts
        .into_iter()
        .fold(scope("/api/carts"), |scope, resource| {
            scope.service(resource.done())
        });
    config.service(scope);
    for resource in others {
        config.service(resource.done());
    }
    config.default_service(actix_web::web::to(pages::nowhere));
}
