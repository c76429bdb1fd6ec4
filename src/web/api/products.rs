//! `/api/products` and `/api/products/{sku}`.

use crate::cart::{Currency, Money, Sku};
use crate::catalogue::Product;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::headers::if_none_match_text;
use crate::web::http::page::{Page, PageQuery, cursor};
use crate::web::http::path::{PathSku, no_query, query};
use crate::web::http::problem::{Kind, Problem};
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
        at("/api/products").get(list, describe_list),
        at("/api/products/{sku}").get(get, describe_get),
    ]
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Product")]
struct ProductDocument<'a> {
    sku: &'a Sku,
    name: &'a str,
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
struct Priced<T> {
    currency: Currency,
    #[serde(flatten)]
    document: T,
}

async fn list(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let page: PageQuery = query(&request)?;
    let catalogue = &state.catalogue;
    let list = format!("products {}", catalogue.fingerprint());
    let first = usize::try_from(page.place(&list)?.unwrap_or(0)).unwrap_or(usize::MAX);
    let products = catalogue.products().iter().skip(first);
    let items: Vec<_> = products
        .take(page.limit()?)
        .map(ProductDocument::of)
        .collect();
    let end = first + items.len();
    let next = (end < catalogue.products().len()).then(|| cursor(&list, end as u64));
    cacheable(&request, &state, Page { items, next })
}

fn describe_list(operation: Operation<'_>) -> Operation<'_> {
    described(operation)
        .named(Tag::Catalogue, "listProducts", "List products")
        .query::<PageQuery>()
        .responds(StatusCode::OK, "Products in catalogue order.")
        .json::<Priced<Page<ProductDocument<'static>>>>(include_str!("examples/products.json"))
        .with_headers(OF_PRODUCTS)
}

async fn get(
    request: HttpRequest,
    sku: PathSku,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let product = state.catalogue.product(&sku.0);
    let product = product.ok_or_else(Problem::not_found)?;
    cacheable(&request, &state, ProductDocument::of(product))
}

fn describe_get(operation: Operation<'_>) -> Operation<'_> {
    described(operation)
        .named(Tag::Catalogue, "getProduct", "Get a product")
        .responds(StatusCode::OK, "The product.")
        .json::<Priced<ProductDocument<'static>>>(include_str!("examples/product.json"))
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

/// Responds with `document` and the catalogue's fingerprint as its `ETag`: the catalogue is loaded
/// at start and does not change while the service runs.
fn cacheable(
    request: &HttpRequest,
    state: &AppState,
    document: impl Serialize,
) -> Result<HttpResponse, Problem> {
    let fingerprint = state.catalogue.fingerprint();
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
        .insert_header((header::CACHE_CONTROL, "public, max-age=60"));
    if unchanged {
        return Ok(response.finish());
    }
    Ok(response.json(Priced {
        currency: state.catalogue.currency,
        document,
    }))
}

impl<'a> ProductDocument<'a> {
    fn of(product: &'a Product) -> Self {
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
