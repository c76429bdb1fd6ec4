//! The pages in `static/`.

use crate::web::http::headers::if_none_match_text;
use crate::web::http::negotiate;
use crate::web::http::path::names_something;
use crate::web::http::problem::Problem;
use crate::web::site::assets::{Asset, Coding};
use actix_web::http::header::{self, AcceptEncoding, Encoding, Header, HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};

/// What a page may load: from this service alone, and no code in the markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

pub async fn shop(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "index.html", StatusCode::OK)
}

pub async fn history(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "history.html", StatusCode::OK)
}

/// The same for every cart that there could be: whether there is one, the page finds out.
pub async fn cart_history(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if !names_something(&request) {
        return nowhere(request).await;
    }
    history(request).await
}

pub async fn insights(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "insights.html", StatusCode::OK)
}

pub async fn operations(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "operations.html", StatusCode::OK)
}

/// A file by its path under `static/`.
pub async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path().trim_start_matches('/').to_owned();
    serve(&request, &path, StatusCode::OK)
}

/// What is nowhere: a page for those who came by a browser, a problem for programs.
pub async fn nowhere(request: HttpRequest) -> Result<HttpResponse, Problem> {
    const FORMS: &[(&str, bool)] = &[("application/problem+json", false), ("text/html", true)];
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let page = reads && !request.path().starts_with("/api/");
    if page && negotiate::best(&request, FORMS).unwrap_or(false) {
        return serve(&request, "404.html", StatusCode::NOT_FOUND);
    }
    Err(Problem::not_found())
}

fn serve(request: &HttpRequest, path: &str, status: StatusCode) -> Result<HttpResponse, Problem> {
    let asset = Asset::at(path).ok_or_else(Problem::not_found)?;
    let caching = match status {
        StatusCode::OK => "no-cache",
        _ => "no-store",
    };
    answer(request, asset, status, caching)
}

/// `asset`, in the coding that the client likes best, unless the client has it already.
pub fn answer(
    request: &HttpRequest,
    asset: &Asset,
    status: StatusCode,
    caching: &'static str,
) -> Result<HttpResponse, Problem> {
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
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
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

/// The coding of `asset` that the client likes best (RFC 9110, 12.5.3). One that cannot be read
/// asks for nothing.
fn coding(request: &HttpRequest, asset: &Asset) -> Coding {
    if !asset.compressible || !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return Coding::Identity;
    }
    let offers = [Encoding::brotli(), Encoding::gzip(), Encoding::identity()];
    let best = AcceptEncoding::parse(request)
        .ok()
        .and_then(|accepted| accepted.negotiate(offers.iter()));
    match best {
        Some(best) if best == Encoding::brotli() => Coding::Brotli,
        Some(best) if best == Encoding::gzip() => Coding::Gzip,
        Some(_) | None => Coding::Identity,
    }
}
