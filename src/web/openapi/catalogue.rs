//! What the shop offers.

use crate::web::api::products::{Priced, ProductDocument, Which};
use crate::web::http::page::Page;
use crate::web::http::problem::Kind;
use crate::web::openapi::{Header, Operation, Tag};
use actix_web::http::StatusCode;

const OF_PRODUCTS: &[Header] = &[Header::Etag, Header::CacheControl];

pub fn list(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Catalogue, "listProducts", "The products")
        .query::<Which>()
        .optional_headers(&[Header::IfNoneMatch, Header::Traceparent])
        .responds(StatusCode::OK, "The products, in the catalogue's order.")
        .json::<Priced<Page<ProductDocument<'static>>>>(include_str!(
            "../api/examples/products.json"
        ))
        .with_headers(OF_PRODUCTS)
        .responds(
            StatusCode::NOT_MODIFIED,
            "The catalogue is what `If-None-Match` names.",
        )
        .with_headers(OF_PRODUCTS)
}

pub fn get(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Catalogue, "getProduct", "A product")
        .optional_headers(&[Header::IfNoneMatch, Header::Traceparent])
        .responds(StatusCode::OK, "The product.")
        .json::<Priced<ProductDocument<'static>>>(include_str!("../api/examples/product.json"))
        .with_headers(OF_PRODUCTS)
        .responds(
            StatusCode::NOT_MODIFIED,
            "The catalogue is what `If-None-Match` names.",
        )
        .with_headers(OF_PRODUCTS)
        .problems(&[Kind::NotFound])
}
