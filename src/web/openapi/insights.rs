//! What the shop can learn from its log.

use crate::views::insights::baskets::Pairs;
use crate::views::insights::products::Product;
use crate::web::api::insights::{
    AbandonedDocument, ActivityDocument, FunnelDocument, Stretch, WhichPage, WhichPairs, WhichSteps,
};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;

const PRODUCTS: &str = include_str!("../api/examples/insights_products.json");

pub fn funnel(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(
            Tag::Insights,
            "getFunnel",
            "From opened carts to checked-out ones",
        )
        .description("Of the carts that were opened from `from` up to `to`.")
        .query::<Stretch>()
        .responds(StatusCode::OK, "The funnel.")
        .json::<FunnelDocument>(include_str!("../api/examples/funnel.json"))
        .with_headers(OF_VIEWS)
}

pub fn products(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(
            Tag::Insights,
            "listProductNumbers",
            "What became of each product",
        )
        .description("By sku.")
        .query::<WhichPage>()
        .responds(StatusCode::OK, "The products' numbers.")
        .json::<Page<Product>>(PRODUCTS)
        .with_headers(OF_VIEWS)
}

pub fn hesitated(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(
            Tag::Insights,
            "listHesitated",
            "What shoppers put in and take out again",
        )
        .description("The products that were given up most often first.")
        .query::<WhichPage>()
        .responds(StatusCode::OK, "The products' numbers.")
        .json::<Page<Product>>(PRODUCTS)
        .with_headers(OF_VIEWS)
}

pub fn pairs(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(Tag::Insights, "listPairs", "What is bought together")
        .description("Over the carts that were checked out, as market-basket analysis defines support, confidence and lift.")
        .query::<WhichPairs>()
        .responds(StatusCode::OK, "The most frequent pairs.")
        .json::<Pairs>(include_str!("../api/examples/pairs.json"))
        .with_headers(OF_VIEWS)
}

pub fn abandoned(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(Tag::Insights, "listAbandoned", "The carts that were left behind")
        .description("Open carts in which nothing has happened for as long as is configured, the longest idle first.")
        .query::<WhichPage>()
        .responds(StatusCode::OK, "The carts.")
        .json::<Page<AbandonedDocument>>(include_str!("../api/examples/abandoned.json"))
        .with_headers(OF_VIEWS)
        .problems(&[Kind::LogUnavailable])
}

pub fn activity(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(Tag::Insights, "getActivity", "How much happened when")
        .description(
            "The steps of time in which anything happened, the latest 1,440 of them, oldest first.",
        )
        .query::<WhichSteps>()
        .responds(StatusCode::OK, "The steps.")
        .json::<ActivityDocument>(include_str!("../api/examples/activity.json"))
        .with_headers(OF_VIEWS)
}

/// What every answer from a view has.
const OF_VIEWS: &[Header] = &[Header::CacheControl, Header::LogPosition];

fn insight(operation: Operation<'_>) -> Operation<'_> {
    operation
        .requires_operator()
        .optional_headers(&[Header::Traceparent])
        .problems(&[Kind::ViewUnavailable])
}
