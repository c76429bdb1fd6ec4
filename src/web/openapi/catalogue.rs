//! What the shop offers.

use super::headers::Header;
use super::operation::Operation;
use super::tag::Tag;
use crate::web::api::products::{Priced, ProductDocument, Which};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use actix_web::http::StatusCode;

const OF_PRODUCTS: &[Header] = &[Header::Etag, Header::CacheControl];

pub fn list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Catalogue, "listProducts", "The products")
        .query::<Which>()
        .takes(&[Header::IfNoneMatch, Header::Traceparent])
        .answers(StatusCode::OK, "The products, in the catalogue's order.")
        .json::<Priced<Page<ProductDocument<'static>>>>(include_str!("examples/products.json"))
        .with(OF_PRODUCTS)
        .answers(
            StatusCode::NOT_MODIFIED,
            "The catalogue is what `If-None-Match` names.",
        )
        .with(OF_PRODUCTS)
}

pub fn get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Catalogue, "getProduct", "A product")
        .takes(&[Header::IfNoneMatch, Header::Traceparent])
        .answers(StatusCode::OK, "The product.")
        .json::<Priced<ProductDocument<'static>>>(include_str!("examples/product.json"))
        .with(OF_PRODUCTS)
        .answers(
            StatusCode::NOT_MODIFIED,
            "The catalogue is what `If-None-Match` names.",
        )
        .with(OF_PRODUCTS)
        .refuses(&[Kind::NotFound])
}
