//! HTTP: one file a resource. Commands go to [`crate::commands`], questions to [`crate::views`];
//! what happened is read from the log.

mod access;
mod body;
mod carts;
mod checkout;
mod client;
mod command;
mod connection;
mod event;
mod events;
mod gate;
mod headers;
mod health;
mod items;
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
mod refusals;
mod resource;
mod shop;
mod streams;
mod timeline;
mod undo;
mod why;

pub use access::Openings;
pub use connection::end_when_stalled;
pub use gate::gate;
pub use operator::OperatorToken;
pub use shop::{Shared, Shop};
pub use streams::Streams;

use actix_web::web::ServiceConfig;
use problem::Problem;
use resource::at;

/// All routes. The app data has to hold a [`Shop`], and [`gate`] has to be wrapped around.
pub fn routes(config: &mut ServiceConfig) {
    let resources = [
        at("/api/carts").post(carts::open),
        at("/api/carts/{id}").get(carts::get),
        at("/api/carts/{id}/items")
            .post(items::add)
            .delete(items::clear),
        at("/api/carts/{id}/items/{sku}")
            .put(items::set)
            .delete(items::remove),
        at("/api/carts/{id}/promotion")
            .put(promotion::apply)
            .delete(promotion::remove),
        at("/api/carts/{id}/undo").post(undo::undo),
        at("/api/carts/{id}/checkout").post(checkout::check_out),
        at("/api/carts/{id}/events").get(events::list),
        at("/api/carts/{id}/timeline").get(timeline::list),
        at("/api/carts/{id}/why").get(why::why),
        at("/api/carts/{id}/what-if").post(why::what_if),
        at("/api/events").get(live_log::list),
        at("/api/products").get(products::list),
        at("/api/products/{sku}").get(products::get),
        at("/livez").get(health::live),
        at("/readyz").get(health::ready),
        at("/").get(pages::shop),
        at("/history").get(pages::history),
        at("/history/{id}").get(pages::history),
        at("/{file:(css|js|pictures)/.+|favicon\\.svg}").get(pages::file),
    ];
    for resource in resources {
        config.service(resource.done());
    }
    config.default_service(actix_web::web::to(async || {
        Err::<actix_web::HttpResponse, _>(Problem::not_found())
    }));
}
