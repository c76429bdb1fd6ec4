//! `/api/products` and `/api/products/{sku}`.

use crate::cart::{Currency, Money, Sku};
use crate::catalogue::{Catalogue, Product};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::headers::if_none_match_text;
use crate::web::http::page::{Page, PageQuery};
use crate::web::http::path::{PathSku, no_query, query};
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::Serialize;

/// Width and height of every product picture, in pixels.
const PICTURE_SIZE: (u32, u32) = (400, 300);

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/api/products").get(Rate::Unlimited, list, describe_list),
        at("/api/products/{sku}").get(Rate::Unlimited, get, describe_get),
    ]
}

/// A product as the shop shows it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Product")]
pub struct ProductDocument<'a> {
    sku: &'a Sku,
    name: &'a str,
    /// A sentence or two; empty if the catalogue has none.
    #[schemars(length(max = 1000))]
    description: &'a str,
    category: &'a str,
    price: Money,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_per_cart: Option<u32>,
    picture: Option<PictureDocument<'a>>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Picture")]
struct PictureDocument<'a> {
    url: &'a str,
    alt: &'a str,
    width: u32,
    height: u32,
}

/// A document with the currency of its amounts.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Priced{T}")]
pub struct Priced<T> {
    pub currency: Currency,
    #[serde(flatten)]
    pub document: T,
}

async fn list(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let page: PageQuery = query(&request)?;
    let catalogue = state.catalogue.get();
    let list = format!("products {}", catalogue.fingerprint());
    let first = page.place(&state.cursors, &list)?.unwrap_or(0);
    let first = usize::try_from(first).unwrap_or(usize::MAX);
    let products = catalogue.products().iter().skip(first);
    let items: Vec<_> = products
        .take(page.limit()?)
        .map(ProductDocument::of)
        .collect();
    let end = first + items.len();
    let next = (end < catalogue.products().len()).then(|| state.cursors.cursor(&list, end as u64));
    cacheable(&request, &catalogue, Page { items, next })
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    described(operation)
        .named(Tag::Catalogue, "listProducts", "List products")
        .query::<PageQuery>()
        .responds(StatusCode::OK, "Products in catalogue order.")
        .json::<Priced<Page<ProductDocument<'static>>>>()
        .with_headers(OF_PRODUCTS)
}

async fn get(
    request: HttpRequest,
    sku: PathSku,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let catalogue = state.catalogue.get();
    let product = catalogue.product(&sku.0);
    let product = product.ok_or_else(Problem::not_found)?;
    cacheable(&request, &catalogue, ProductDocument::of(product))
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    described(operation)
        .named(Tag::Catalogue, "getProduct", "Get a product")
        .responds(StatusCode::OK, "The product.")
        .json::<Priced<ProductDocument<'static>>>()
        .with_headers(OF_PRODUCTS)
        .problems(&[Kind::NotFound])
}

const OF_PRODUCTS: &[Header] = &[Header::Etag, Header::CacheControl];

fn described(operation: Operation<'_>) -> Operation<'_> {
    operation
        .optional_headers(&[Header::IfNoneMatch, Header::Traceparent])
        .responds(StatusCode::NOT_MODIFIED, "Not modified.")
        .with_headers(OF_PRODUCTS)
}

/// Responds with `document` and the catalogue's fingerprint as its `ETag`. Clients ask each time
/// whether it is current, because a reload changes prices at once.
fn cacheable(
    request: &HttpRequest,
    catalogue: &Catalogue,
    document: impl Serialize,
) -> Result<HttpResponse, Problem> {
    let fingerprint = catalogue.fingerprint();
    let etag = HeaderValue::from_str(&format!("\"{fingerprint}\""))
        .expect("hexadecimal digits and quotes make a header value");
    let unchanged = if_none_match_text(request, fingerprint)?;
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "public, no-cache"));
    if unchanged {
        return Ok(response.finish());
    }
    Ok(response.json(Priced {
        currency: catalogue.currency,
        document,
    }))
}

impl<'a> ProductDocument<'a> {
    pub fn of(product: &'a Product) -> Self {
        ProductDocument {
            sku: product.sku(),
            name: product.name(),
            description: &product.description,
            category: &product.category,
            price: product.offer.unit_price,
            max_per_cart: product.offer.max_per_cart,
            picture: product.picture.as_ref().map(|picture| PictureDocument {
                url: &picture.url,
                alt: &picture.alt,
                width: PICTURE_SIZE.0,
                height: PICTURE_SIZE.1,
            }),
        }
    }
}
