//! `/api/products` and `/api/products/{sku}`.

use crate::cart::{Currency, Money, Sku};
use crate::catalogue::Product;
use crate::web::http::headers::if_none_match_text;
use crate::web::http::page::{Page, cursor, limit, place};
use crate::web::http::path::{PathSku, no_query, query};
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What every picture of the shop measures.
const PICTURE_SIZE: (u32, u32) = (400, 300);

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Product")]
pub struct ProductDocument<'a> {
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

/// A document that says in which currency its amounts are.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Priced{T}")]
pub struct Priced<T> {
    currency: Currency,
    #[serde(flatten)]
    document: T,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Which {
    /// How many items a page has at the most; 50 if nothing is said.
    #[schemars(range(min = 1, max = 200))]
    limit: Option<usize>,
    /// `next` of the page before.
    cursor: Option<String>,
}

pub async fn list(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let which: Which = query(&request)?;
    let catalogue = &state.catalogue;
    let list = format!("products {}", catalogue.fingerprint());
    let first = match &which.cursor {
        None => 0,
        Some(cursor) => usize::try_from(place(&list, cursor)?).unwrap_or(usize::MAX),
    };
    let limit = limit(which.limit)?;
    let items = catalogue.products().iter().skip(first).take(limit);
    let items: Vec<_> = items.map(ProductDocument::of).collect();
    let end = first + items.len();
    let next = (end < catalogue.products().len()).then(|| cursor(&list, end as u64));
    cacheable(
        &request,
        &state,
        &Priced {
            currency: catalogue.currency,
            document: Page { items, next },
        },
    )
}

pub async fn get(
    request: HttpRequest,
    sku: PathSku,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let product = state
        .catalogue
        .product(&sku.0)
        .ok_or_else(Problem::not_found)?;
    cacheable(
        &request,
        &state,
        &Priced {
            currency: state.catalogue.currency,
            document: ProductDocument::of(product),
        },
    )
}

/// The catalogue changes with the service's start alone; its fingerprint is the tag of every page.
fn cacheable(
    request: &HttpRequest,
    state: &AppState,
    document: &impl Serialize,
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
    Ok(response.json(document))
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
