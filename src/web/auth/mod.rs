//! Authentication: by a cart's token, or by the operator's. Both come as `Authorization: Bearer`
//! from programs and in a cookie from browsers.

pub mod cart;
pub mod operator;

use actix_web::HttpRequest;
use actix_web::http::header;
use sha2::{Digest, Sha256};

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

/// The digest of the value of the cookie `name`.
fn cookie_digest(request: &HttpRequest, name: &str) -> Option<[u8; 32]> {
    request
        .headers()
        .get_all(header::COOKIE)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(found, _)| *found == name)
        .map(|(_, token)| digest(token))
}

/// The digest of the token in `Authorization: Bearer`.
fn bearer_digest(request: &HttpRequest) -> Option<[u8; 32]> {
    let authorization = request.headers().get(header::AUTHORIZATION)?;
    let (scheme, token) = authorization.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| digest(token.trim_start()))
}
