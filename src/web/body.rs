//! Reading a request's body: strictly, within bounds of size and time.
//!
//! actix-web's own extractors answer several of these cases otherwise: errors as plain text, 400
//! where 415 belongs, gzip unpacked, arrays taken for structs, two megabytes, no limit of time.

use super::problem::{Kind, Problem};
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpMessage, HttpRequest};
use futures_util::StreamExt;
use serde::de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use std::fmt;
use std::marker::PhantomData;
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
    Ok((parse(&body)?, body))
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
    Ok((parse(&body)?, body))
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

async fn read(request: &HttpRequest, mut payload: Payload) -> Result<Bytes, Problem> {
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
                Problem::new(Kind::InvalidBody, format!("The body was cut off: {error}."))
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
    let content_type = request.content_type();
    let charset = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once(';'))
        .map(|(_, parameters)| parameters.trim().to_ascii_lowercase());
    let utf_8 = match charset.as_deref() {
        None | Some("" | "charset=utf-8" | "charset=\"utf-8\"") => true,
        Some(_) => false,
    };
    if content_type.eq_ignore_ascii_case("application/json") && utf_8 {
        return Ok(());
    }
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        "A body is sent as Content-Type: application/json, in UTF-8.",
    ))
}

/// Reads `body` as one JSON object that is a `T`, or says where it is not.
pub fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    match serde_json::from_slice::<Object<T>>(body) {
        Ok(Object(value)) => Ok(value),
        Err(error) => Err(explain::<T>(body, &error)),
    }
}

/// Reads a refused body once more, this time noting the path to the mistake.
fn explain<T: DeserializeOwned>(body: &[u8], error: &serde_json::Error) -> Problem {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let traced: Result<Object<T>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let pointer = match &traced {
        Err(traced) if traced.inner().is_data() => pointer(traced.path()),
        Ok(_) | Err(_) => String::new(),
    };
    let reason = error.to_string();
    Problem::new(
        Kind::InvalidBody,
        format!("The body cannot be used: {reason}."),
    )
    .with("errors", json!([{ "pointer": pointer, "detail": reason }]))
}

/// The JSON pointer (RFC 6901) to a path.
fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect()
}

/// A `T` that stands as a JSON object, never as the array that serde takes for a struct too.
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
        }

        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

/// A number of units in a body: whole and not negative. What no cart could ever hold is read as the
/// largest number, so that it is refused as too many and not as unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantity(pub u32);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = u64::deserialize(deserializer)?;
        Ok(Quantity(u32::try_from(whole).unwrap_or(u32::MAX)))
    }
}

/// A [`Quantity`] of at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtLeastOne(pub u32);

impl<'de> Deserialize<'de> for AtLeastOne {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Quantity::deserialize(deserializer)? {
            Quantity(0) => Err(serde::de::Error::custom(
                "a quantity of at least 1 is expected",
            )),
            Quantity(quantity) => Ok(AtLeastOne(quantity)),
        }
    }
}
