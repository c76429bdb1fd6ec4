//! Reading a request's body: strictly, within bounds of size and time.
//!
//! actix-web's own extractors answer several of these cases otherwise: errors as plain text, 400
//! where 415 belongs, gzip unpacked, arrays taken for structs, two megabytes, no limit of time.

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

/// The largest body, in bytes.
pub const MAX_BODY: usize = 16 * 1024;
/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);

/// Reads the body as a JSON object that is a `T`; the bytes come with it.
pub async fn read_json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
) -> Result<(T, Bytes), Problem> {
    let body = read(request, payload).await?;
    check_media_type(request)?;
    Ok((decode(&body)?, body))
}

/// Like [`read_json`], for a body that may be left out where nothing has to be said.
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

/// Refuses a body where there is nothing to say.
pub async fn read_nothing(request: &HttpRequest, payload: Payload) -> Result<(), Problem> {
    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    read_optional_json::<Nothing>(request, payload)
        .await
        .map(|_| ())
}

/// What changes something is asked for by the body and the headers alone, so that nothing may stand
/// in the query.
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
            "A body with a Content-Encoding is not read: send it as it is.",
        )
        .closing_connection());
    }
    let reading = async {
        let mut first: Option<Bytes> = None;
        let mut rest = BytesMut::new();
        while let Some(chunk) = payload.next().await {
            let chunk = chunk.map_err(|error| {
                tracing::debug!(%error, "a body could not be read");
                invalid("", "the body is cut off, or its chunks are not whole").closing_connection()
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
        // Nearly every body comes in one piece, which then need not be copied.
        Ok(match first {
            None => Bytes::new(),
            Some(whole) if rest.is_empty() => whole,
            Some(first) => [first, rest.freeze()].concat().into(),
        })
    };
    match tokio::time::timeout(BODY_TIME, reading).await {
        Ok(read) => read,
        Err(_) => Err(Problem::new(
            Kind::BodyTimeout,
            format!(
                "The body was not here within {} seconds.",
                BODY_TIME.as_secs()
            ),
        )
        .closing_connection()),
    }
}

fn too_large() -> Problem {
    Problem::new(
        Kind::BodyTooLarge,
        format!("A body has at most {MAX_BODY} bytes."),
    )
    .with("max", MAX_BODY)
    .closing_connection()
}

fn check_media_type(request: &HttpRequest) -> Result<(), Problem> {
    let mut values = request.headers().get_all(header::CONTENT_TYPE);
    // One type is said, once: of two, whoever looks at the other one is misled.
    let said = values.next().filter(|_| values.next().is_none());
    if said
        .and_then(|value| value.to_str().ok())
        .is_some_and(is_json)
    {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        "A body is sent as Content-Type: application/json, in UTF-8.",
    ))
}

/// Whether a media type is JSON in UTF-8, which is the only encoding that JSON has between systems
/// (RFC 8259, 8.1).
fn is_json(media_type: &str) -> bool {
    let (essence, parameters) = media_type.split_once(';').unwrap_or((media_type, ""));
    let utf_8 = ["", "charset=utf-8", "charset=\"utf-8\""];
    essence.trim().eq_ignore_ascii_case("application/json")
        && utf_8
            .iter()
            .any(|known| parameters.trim().eq_ignore_ascii_case(known))
}
