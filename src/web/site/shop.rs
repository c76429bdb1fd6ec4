//! The shop's pages below `/`: products, orders and shared carts.

use crate::cart::Sku;
use crate::catalogue::{Catalogue, Product};
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::path::names_something;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Operation, Tag};
use crate::web::site::assets::Asset;
use crate::web::site::html::escaped;
use crate::web::site::pages::{answer, describe_page, not_found, serve};
use crate::web::state::AppState;
use actix_web::http::{StatusCode, header};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/products/{sku}").get(Rate::Unlimited, product, describe_product),
        at("/orders").get(Rate::Unlimited, orders, describe_orders),
        at("/orders/{id}").get(Rate::Unlimited, order, describe_order),
        at("/receipts").get(Rate::Unlimited, orders, describe_receipts),
        at("/receipts/{id}").get(Rate::Unlimited, receipt, describe_receipt),
        at("/shared/{token}").get(Rate::Unlimited, shared, describe_shared),
    ]
}

/// What a product shows, and its preview elsewhere, is in the page as it is served: search engines
/// and messengers run no scripts.
async fn product(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, Problem> {
    let catalogue = state.catalogue.get();
    let sku = request.match_info().get("sku");
    let sku = sku.and_then(|text| Sku::parse(text).ok());
    let found = sku.and_then(|sku| catalogue.product(&sku));
    let Some(product) = found else {
        return not_found(request).await;
    };
    let template = Asset::at("product.html").ok_or_else(Problem::not_found)?;
    let origin = origin(&request, state.secure_cookies);
    let page = product_page(template.text(), product, &catalogue, &origin);
    answer(
        &request,
        &Asset::of_request(page),
        StatusCode::OK,
        "no-cache",
    )
}

fn describe_product(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(Tag::Pages, "getProductPage", "A product")
        .description("Title, description and preview are in the page; an unknown product is 404.")
        .problems(&[Kind::NotFound])
}

/// Where browsers find this service, as the request names it. The gate has checked the host.
fn origin(request: &HttpRequest, https: bool) -> String {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).unwrap_or_default();
    let scheme = if https { "https" } else { "http" };
    format!("{scheme}://{host}")
}

/// The template with what the catalogue says of `product`.
fn product_page(template: &str, product: &Product, catalogue: &Catalogue, origin: &str) -> String {
    let (name, sku) = (escaped(product.name()), product.sku().as_str());
    let price = product
        .offer
        .unit_price
        .display(catalogue.currency)
        .to_string();
    let address = escaped(&format!("{origin}/products/{sku}"));
    let summary = if product.description.is_empty() {
        format!("{} for {price}.", product.name())
    } else {
        product.description.clone()
    };
    let limit = product.offer.max_per_cart;
    let (picture, preview) = picture(product, origin);
    let category = &product.category;
    let values = [
        ("name", name),
        ("sku", sku.to_owned()),
        ("price", escaped(&price)),
        ("address", address),
        ("summary", escaped(&summary)),
        ("description", escaped(&product.description)),
        ("category", escaped(category)),
        ("shelf", escaped(&query_of(category))),
        ("max", limit.map(|max| max.to_string()).unwrap_or_default()),
        (
            "limit",
            limit
                .map(|max| format!("Limit {max} per order."))
                .unwrap_or_default(),
        ),
        ("picture", picture),
        ("preview", preview),
    ];
    filled(template, &values)
}

/// The picture of the page, and the tags of its preview. A product without one shows its initial.
fn picture(product: &Product, origin: &str) -> (String, String) {
    let Some(picture) = &product.picture else {
        let initial: String = product.name().chars().take(1).collect();
        let initial = escaped(&initial);
        let shown = format!(r#"<span class="initial" aria-hidden="true">{initial}</span>"#);
        return (shown, String::new());
    };
    let (url, alt) = (escaped(&picture.url), escaped(&picture.alt));
    let shown =
        format!(r#"<img src="{url}" alt="{alt}" width="400" height="300" fetchpriority="high">"#);
    let absolute = if picture.url.starts_with('/') {
        escaped(&format!("{origin}{}", picture.url))
    } else {
        url
    };
    let preview = format!(
        r#"<meta property="og:image" content="{absolute}" />
    <meta property="og:image:alt" content="{alt}" />"#
    );
    (shown, preview)
}

/// `text` as a value in a query: every byte but letters and digits is encoded.
fn query_of(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// `template` with each `{{name}}` replaced by its value. Values are not searched: a product may be
/// called `{{price}}`.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let mut page = String::with_capacity(template.len() + 2_048);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        page.push_str(before);
        let (name, following) = after.split_once("}}").unwrap_or((after, ""));
        let value = values.iter().find(|(known, _)| *known == name);
        page.push_str(value.map_or("", |(_, value)| value));
        rest = following;
    }
    page.push_str(rest);
    page
}

async fn orders(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "order.html", StatusCode::OK)
}

fn describe_orders(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(Tag::Pages, "getOrdersPage", "The orders of this browser")
        .description("The page lists the orders whose tokens this browser has.")
}

fn describe_receipts(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(
            Tag::Pages,
            "getReceiptsPage",
            "The orders of this browser, at an earlier address",
        )
        .description("The same page as `/orders`.")
}

/// The page is the same for every order; it gets the order with the token that the browser has.
async fn order(request: HttpRequest) -> Result<HttpResponse, Problem> {
    well_formed(request, "order.html").await
}

fn describe_order(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(Tag::Pages, "getOrderPage", "An order")
        .description(
            "The page is the same for every order. It gets the order and its events from the API \
             with the cart's token that this browser has.",
        )
        .problems(&[Kind::NotFound])
}

/// The page of an order by its cart, which works also where no order follows a checkout.
async fn receipt(request: HttpRequest) -> Result<HttpResponse, Problem> {
    well_formed(request, "order.html").await
}

fn describe_receipt(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(Tag::Pages, "getReceiptPage", "The order of a cart")
        .description(
            "The page of the cart's order, if one follows checkouts, else the receipt of the cart. \
             The page is the same for every cart. It gets the cart from the API with the cart's \
             token that this browser has.",
        )
        .problems(&[Kind::NotFound])
}

async fn shared(request: HttpRequest) -> Result<HttpResponse, Problem> {
    well_formed(request, "shared.html").await
}

fn describe_shared(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(Tag::Pages, "getSharedCartPage", "A shared cart")
        .description("The page is the same for every share. It gets the cart from the API.")
        .problems(&[Kind::NotFound])
}

/// The page `file` where the parameters in the path are well-formed.
async fn well_formed(request: HttpRequest, file: &str) -> Result<HttpResponse, Problem> {
    if names_something(&request) {
        serve(&request, file, StatusCode::OK)
    } else {
        not_found(request).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_in_values_are_not_filled() {
        let values = [("a", "{{b}}".to_owned()), ("b", "2".to_owned())];
        assert_eq!(filled("<{{a}}|{{b}}|{{c}}>", &values), "<{{b}}|2|>");
    }

    #[test]
    fn category_is_encoded_for_a_query() {
        assert_eq!(query_of("Tea & more?"), "Tea%20%26%20more%3F");
        assert_eq!(query_of("急"), "%E6%80%A5");
    }
}
