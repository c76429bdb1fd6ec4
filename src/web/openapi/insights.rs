//! What the shop can learn from its log.

use super::headers::Header;
use super::operation::Operation;
use super::tag::Tag;
use crate::views::insights::baskets::Pairs;
use crate::views::insights::products::Product;
use crate::web::api::insights::{
    AbandonedDocument, ActivityDocument, FunnelDocument, Stretch, WhichPage, WhichPairs, WhichSteps,
};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;

const PRODUCTS: &str = include_str!("examples/insights_products.json");

pub fn funnel(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(
            Tag::Insights,
            "getFunnel",
            "From opened carts to checked-out ones",
        )
        .text("Of the carts that were opened from `from` up to `to`.")
        .query::<Stretch>()
        .answers(StatusCode::OK, "The funnel.")
        .json::<FunnelDocument>(include_str!("examples/funnel.json"))
        .with(OF_VIEWS)
}

pub fn products(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(
            Tag::Insights,
            "listProductNumbers",
            "What became of each product",
        )
        .text("By sku.")
        .query::<WhichPage>()
        .answers(StatusCode::OK, "The products' numbers.")
        .json::<Page<Product>>(PRODUCTS)
        .with(OF_VIEWS)
}

pub fn hesitated(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(
            Tag::Insights,
            "listHesitated",
            "What shoppers put in and take out again",
        )
        .text("The products that were given up most often first.")
        .query::<WhichPage>()
        .answers(StatusCode::OK, "The products' numbers.")
        .json::<Page<Product>>(PRODUCTS)
        .with(OF_VIEWS)
}

pub fn pairs(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(Tag::Insights, "listPairs", "What is bought together")
        .text("Over the carts that were checked out, as market-basket analysis defines support, confidence and lift.")
        .query::<WhichPairs>()
        .answers(StatusCode::OK, "The most frequent pairs.")
        .json::<Pairs>(include_str!("examples/pairs.json"))
        .with(OF_VIEWS)
}

pub fn abandoned(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(Tag::Insights, "listAbandoned", "The carts that were left behind")
        .text("Open carts in which nothing has happened for as long as is configured, the longest idle first.")
        .query::<WhichPage>()
        .answers(StatusCode::OK, "The carts.")
        .json::<Page<AbandonedDocument>>(include_str!("examples/abandoned.json"))
        .with(OF_VIEWS)
        .refuses(&[Kind::LogUnavailable])
}

pub fn activity(operation: Operation<'_>) -> Operation<'_> {
    insight(operation)
        .named(Tag::Insights, "getActivity", "How much happened when")
        .text(
            "The steps of time in which anything happened, the latest 1,440 of them, oldest first.",
        )
        .query::<WhichSteps>()
        .answers(StatusCode::OK, "The steps.")
        .json::<ActivityDocument>(include_str!("examples/activity.json"))
        .with(OF_VIEWS)
}

/// What every answer from a view has.
const OF_VIEWS: &[Header] = &[Header::CacheControl, Header::LogPosition];

fn insight(operation: Operation<'_>) -> Operation<'_> {
    operation
        .for_the_operator()
        .takes(&[Header::Traceparent])
        .refuses(&[Kind::ViewUnavailable])
}
