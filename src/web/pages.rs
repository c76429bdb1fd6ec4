//! The pages in `static/`, as they were when the program was built.

use super::headers::if_none_match_text;
use super::problem::Problem;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "static/"]
struct Static;

/// What a page may load: from this service alone, and no code in the markup.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'self'; \
     frame-ancestors 'none'";
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

pub async fn shop(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "index.html")
}

pub async fn history(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(&request, "history.html")
}

/// A file by its path under `static/`.
pub async fn file(request: HttpRequest) -> Result<HttpResponse, Problem> {
    let path = request.path().trim_start_matches('/').to_owned();
    serve(&request, &path)
}

fn serve(request: &HttpRequest, path: &str) -> Result<HttpResponse, Problem> {
    let file = Static::get(path).ok_or_else(Problem::not_found)?;
    let tag = hex::encode(&file.metadata.sha256_hash()[..8]);
    let etag = HeaderValue::from_str(&format!("\"{tag}\""))
        .expect("hexadecimal digits and quotes make a header value");
    let unchanged = if_none_match_text(request, &tag)?;
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((header::REFERRER_POLICY, "same-origin"))
        .insert_header((OPENER_POLICY, "same-origin"));
    if unchanged {
        return Ok(response.finish());
    }
    Ok(response.content_type(content_type(&file)).body(file.data))
}

fn content_type(file: &EmbeddedFile) -> String {
    let kind = file.metadata.mimetype();
    if kind.starts_with("text/") {
        format!("{kind}; charset=utf-8")
    } else {
        kind.to_owned()
    }
}
