//! Authentication: by a cart's token, or by the operator's. Both come as `Authorization: Bearer`
//! from programs and in a cookie from browsers.

pub mod cart;
mod guesses;
pub mod operator;
mod sessions;
pub mod share;
pub mod warehouse;

use actix_web::HttpRequest;
use actix_web::http::header;
use sha2::{Digest, Sha256};

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The digests of the values of the cookies `name`. There are several if cookies with other paths
/// or of other services on the host have the same name: each may be the right one.
fn cookie_digests(request: &HttpRequest, name: &str) -> impl Iterator<Item = [u8; 32]> {
    cookie_values(request, name).map(digest)
}

/// The values of the cookies `name`.
fn cookie_values<'a>(request: &'a HttpRequest, name: &str) -> impl Iterator<Item = &'a str> {
    request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// The digest of the token in `Authorization: Bearer`.
fn bearer_digest(request: &HttpRequest) -> Option<[u8; 32]> {
    let authorization = request.headers().get(header::AUTHORIZATION)?;
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| digest(token.trim_start()))
}
