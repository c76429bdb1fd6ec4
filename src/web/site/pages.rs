//! The pages in `static/`.

use crate::web::endpoint::{Endpoint, at};
use crate::web::http::headers::if_none_match_text;
use crate::web::http::negotiate;
use crate::web::http::path::names_something;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::OPENER_POLICY;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::site::assets::{Asset, Coding};
use crate::web::site::own_pictures;
use crate::web::state::AppState;
use actix_web::http::header::{self, AcceptEncoding, Encoding, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

/// Set by proxies that remove a prefix from the path.
const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// The pages. `{file}` comes last because its pattern is the slowest to match.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        at("/").get(Rate::Unlimited, shop, describe_shop),
        at("/history").get(Rate::Unlimited, history, describe_history),
        at("/history/{id}").get(Rate::Unlimited, cart_history, describe_cart_history),
        at("/insights").get(Rate::Unlimited, insights, describe_insights),
        at("/operations").get(Rate::Unlimited, operations, describe_operations),
        at("/learn").get(Rate::Unlimited, learn, describe_learn),
        at("/{file:(css|js|pictures)/.+|favicon\\.svg}").get(Rate::Unlimited, file, describe_file),
    ]
}

async fn shop(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "index.html", StatusCode::OK)
}

fn describe_shop(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation).named(Tag::Pages, "getShop", "The shop")
}

async fn history(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "history.html", StatusCode::OK)
}

fn describe_history(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation).named(Tag::Pages, "getHistoryPage", "The journal of all carts")
}

/// The page is the same for every well-formed id; it finds out itself whether the cart exists.
async fn cart_history(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if !names_something(&request) {
        return not_found(request).await;
    }
    history(request).await
}

fn describe_cart_history(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(Tag::Pages, "getCartHistoryPage", "The history of a cart")
        .description(
            "The page is the same for every cart. It gets the cart from the API with the token \
             that this browser has.",
        )
        .problems(&[Kind::NotFound])
}

async fn insights(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "insights.html", StatusCode::OK)
}

fn describe_insights(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation).named(Tag::Pages, "getInsightsPage", "Insights from the event log")
}

async fn operations(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "operations.html", StatusCode::OK)
}

fn describe_operations(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(
            Tag::Pages,
            "getOperationsPage",
            "Status of the log and the views",
        )
        .description("The page is public; what it shows comes from the operator's API.")
}

async fn learn(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "learn.html", StatusCode::OK)
}

fn describe_learn(operation: Operation<'_>) -> Operation<'_> {
    describe_page(operation)
        .named(
            Tag::Pages,
            "getLearnPage",
            "Event sourcing by three examples",
        )
        .description("Chess, a cart and a write-ahead log, and three terms by live events.")
}

/// A file by its path under `static/`. The operator's own pictures come before the built-in ones.
async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request
        .match_info()
        .as_str()
        .trim_start_matches('/')
        .to_owned();
    if let Some(name) = path.strip_prefix("pictures/")
        && let Some(own) = own_pictures::answer(&request, name).await?
    {
        return Ok(own);
    }
    serve(&request, &path, StatusCode::OK)
}

fn describe_file(operation: Operation<'_>) -> Operation<'_> {
    describe_revalidated(operation)
        .named(Tag::Pages, "getFile", "A static file")
        .description("A style sheet, a script or a picture. The path may have several segments.")
        .responds(StatusCode::OK, "The file.")
        .text_content("text/css")
        .text_content("text/javascript")
        .text_content("image/svg+xml")
        .text_content("image/*")
        .with_headers(PAGE_HEADERS)
        .may_have_headers(&[Header::Vary])
        .problems(&[Kind::NotFound])
}

/// The headers of every page.
const PAGE_HEADERS: &[Header] = &[
    Header::Etag,
    Header::CacheControl,
    Header::ContentSecurityPolicy,
    Header::OpenerPolicy,
    Header::ReferrerPolicy,
];

/// Describes an HTML page that does not change while the service runs.
pub fn describe_page(operation: Operation<'_>) -> Operation<'_> {
    describe_revalidated(operation)
        .responds(StatusCode::OK, "The page.")
        .text_content("text/html")
        .with_headers(PAGE_HEADERS)
        .with_headers(&[Header::Vary])
}

/// Describes what has an `ETag`, and 304 for it.
pub fn describe_revalidated(operation: Operation<'_>) -> Operation<'_> {
    operation
        .optional_headers(&[Header::IfNoneMatch])
        .responds(
            StatusCode::NOT_MODIFIED,
            "Not modified: `If-None-Match` names the current `ETag`.",
        )
        .with_headers(&[Header::Etag, Header::CacheControl])
}

/// 404: a page for browsers, a problem for programs.
pub async fn not_found(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const FORMS: &[(&str, bool)] = &[("application/problem+json", false), ("text/html", true)];
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let may_be_page = reads && !request.match_info().as_str().starts_with("/api/");
    if may_be_page && negotiate::best(&request, FORMS).unwrap_or(false) {
        return serve(&request, "404.html", StatusCode::NOT_FOUND);
    }
    Err(Problem::not_found())
}

pub fn serve(
    request: &HttpRequest,
    path: &str,
    status: StatusCode,
) -> Result<HttpResponse, Problem> {
    let asset = Asset::at(path).ok_or_else(Problem::not_found)?;
    let caching = match status {
        StatusCode::OK => "no-cache",
        _ => "no-store",
    };
    answer(request, asset, status, caching)
}

/// `asset` in the coding that the client prefers, or 304 if the client has it cached.
pub fn answer(
    request: &HttpRequest,
    asset: &Asset,
    status: StatusCode,
    caching: &'static str,
) -> Result<HttpResponse, Problem> {
    if asset.media_type.starts_with("text/html") {
        check_prefix(request)?;
    }
    let coding = coding(request, asset);
    let tag = asset.tag(coding);
    let etag = HeaderValue::from_str(&format!("\"{tag}\""))
        .expect("hexadecimal digits and quotes make a header value");
    let unchanged = status == StatusCode::OK && if_none_match_text(request, &tag)?;
    let mut response = HttpResponse::build(if unchanged {
        StatusCode::NOT_MODIFIED
    } else {
        status
    });
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            content_security_policy(request),
        ))
        .insert_header((OPENER_POLICY, "same-origin"));
    if asset.compressible {
        response.append_header((header::VARY, "Accept-Encoding"));
    }
    if status == StatusCode::NOT_FOUND {
        response.append_header((header::VARY, "Accept"));
    }
    if unchanged {
        return Ok(response.finish());
    }
    match coding {
        Coding::Identity => {}
        Coding::Gzip => drop(response.insert_header((header::CONTENT_ENCODING, "gzip"))),
        Coding::Brotli => drop(response.insert_header((header::CONTENT_ENCODING, "br"))),
    }
    response.content_type(asset.media_type.as_str());
    Ok(response.body(asset.body(coding)))
}

/// Pages work at the root of a host alone: below a prefix they would come without styles and
/// scripts, whose paths begin at `/`.
fn check_prefix(request: &HttpRequest) -> Result<(), Problem> {
    match request.headers().get(FORWARDED_PREFIX) {
        Some(prefix) if !matches!(prefix.as_bytes(), b"" | b"/") => Err(Problem::new(
            Kind::WrongHost,
            "The proxy serves this under a path prefix (X-Forwarded-Prefix). The pages must have a \
             host name of their own and get paths unchanged.",
        )),
        Some(_) | None => Ok(()),
    }
}

/// Pages may load only from this service, and run no inline scripts. Pictures may also come from
/// the hosts that the catalogue names.
fn content_security_policy(request: &HttpRequest) -> String {
    let state = request
        .app_data::<Data<AppState>>()
        .expect("the service is started with its state");
    let catalogue = state.catalogue.get();
    let mut pictures = "img-src 'self' data:".to_owned();
    for origin in catalogue.picture_origins() {
        pictures.push(' ');
        pictures.push_str(origin);
    }
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; {pictures}; \
         connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )
}

/// The coding of `asset` that the client prefers (RFC 9110, 12.5.3); a malformed header counts as
/// absent.
fn coding(request: &HttpRequest, asset: &Asset) -> Coding {
    if !asset.compressible || !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return Coding::Identity;
    }
    let offers = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let best = <AcceptEncoding as header::Header>::parse(request)
        .ok()
        .and_then(|accepted| accepted.negotiate(offers.iter()));
    match best {
        Some(best) if best == Encoding::brotli() => Coding::Brotli,
        Some(best) if best == Encoding::gzip() => Coding::Gzip,
        Some(_) | None => Coding::Identity,
    }
}
