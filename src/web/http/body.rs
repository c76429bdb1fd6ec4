//! Reads request bodies strictly, with limits on size and time.
//!
//! actix-web's extractors differ: plain-text errors, 400 instead of 415, gzip accepted, arrays
//! accepted for structs, a limit of two megabytes and no timeout.

use crate::web::http::decode::{decode, invalid};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use futures_util::StreamExt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Maximum body size, in bytes.
pub const MAX_BODY: usize = 16 * 1024;
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the body as a JSON object of type `T`, and returns its bytes as well.
pub async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(T, Bytes), Problem> {
    let body = read(request, payload).await?;
    check_media_type(request)?;
    Ok((decode(&body)?, body))
}

/// Like [`read_json`], with the default for an empty body.
pub async fn read_optional_json<T: DeserializeOwned + Default>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(T, Bytes), Problem> {
    let body = read(request, payload).await?;
    if body.is_empty() {
        return Ok((T::default(), body));
    }
    check_media_type(request)?;
    Ok((decode(&body)?, body))
}

/// Accepts only an empty body or `{}`.
pub async fn read_nothing(request: &HttpRequest, payload: Payload) -> Result<(), Problem> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    read_optional_json::<Nothing>(request, payload)
        .await
        .map(|_| ())
}

/// Reads the bytes. Requests with a body are commands, which have no query parameters.
async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Problem> {
    no_query(request)?;
    let headers = request.headers();
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Problem::new(
            Kind::UnsupportedMediaType,
            "A body must not have a Content-Encoding: send it uncompressed.",
        )
        .closing_connection());
    }
    let reading = async {
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| {
                tracing::debug!(%error, "reading a body failed");
                invalid("", "it is truncated, or its chunked encoding is malformed")
                    .closing_connection()
            })?;
            let read = first.as_ref().map_or(0, Bytes::len) + rest.len() + chunk.len();
            if read > MAX_BODY {
                return Err(too_large());
            }
            match first {
                None => first = Some(chunk),
                Some(_) => rest.extend_from_slice(&chunk),
            }
        }
        // Nearly every body arrives in one chunk, which need not be copied.
        Ok(match first {
            None => Bytes::new(),
            Some(whole) if rest.is_empty() => whole,
            Some(first) => [first, rest.freeze()].concat().into(),
        })
    };
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Kind::BodyTimeout,
            format!(
                "The body did not arrive within {} seconds.",
                BODY_TIMEOUT.as_secs()
            ),
        )
        .closing_connection()),
    }
}

fn too_large() -> Problem {
    Problem::new(
        Kind::BodyTooLarge,
        format!("A body can have at most {MAX_BODY} bytes."),
    )
    .with("max", MAX_BODY)
    .closing_connection()
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let mut values = request.headers().get_all(header::CONTENT_TYPE);
    // Of two types, another reader could believe the other one.
    let only = values.next().filter(|_| values.next().is_none());
    if only
        .and_then(|value| value.to_str().ok())
        .is_some_and(is_json)
    {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        "A body must have Content-Type: application/json, in UTF-8.",
    ))
}

/// Whether a media type is JSON in UTF-8, the only encoding of exchanged JSON (RFC 8259, 8.1).
fn is_json(media_type: &str) -> bool {
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let utf_8 = ["", "charset=utf-8", "charset=\"utf-8\""];
    essence.trim().eq_ignore_ascii_case("application/json")
        && utf_8
            .iter()
            .any(|known| parameters.trim().eq_ignore_ascii_case(known))
}
