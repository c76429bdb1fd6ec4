//! Pictures from the operator's folder.

use crate::catalogue::PictureFile;
use crate::web::http::headers::if_none_match_text;
use crate::web::http::problem::Problem;
use crate::web::http::response_headers::OPENER_POLICY;
use crate::web::state::AppState;
use actix_web::body::SizedStream;
use actix_web::error::ErrorInternalServerError;
use actix_web::http::header::{self, HeaderValue};
use actix_web::web::{Bytes, Data, block};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::stream::try_unfold;
use std::sync::Arc;

/// For a picture that is opened by itself: an SVG is a document and could run scripts.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox";
/// How much of a picture is in memory for a client that reads slowly.
const CHUNK: usize = 32 * 1024;

/// The picture `name` of the operator's folder, if it has one.
pub async fn answer(request: &HttpRequest, name: &str) -> Result<Option<HttpResponse>, Problem> {
    let state = request
        .app_data::<Data<AppState>>()
        .expect("the service is started with its state");
    let Some(folder) = state.pictures.clone() else {
        return Ok(None);
    };
    let name = name.to_owned();
    let found = block(move || folder.find(&name)).await;
    let Some(picture) = found.map_err(Problem::internal)? else {
        return Ok(None);
    };
    let etag = HeaderValue::from_str(&format!("\"{}\"", picture.tag))
        .expect("hexadecimal digits and quotes make a header value");
    let unchanged = if_none_match_text(request, &picture.tag)?;
    let mut response = if unchanged {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((header::ETAG, etag))
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY))
        .insert_header((OPENER_POLICY, "same-origin"));
    if unchanged {
        return Ok(Some(response.finish()));
    }
    response.content_type(picture.media_type);
    Ok(Some(response.body(body(picture))))
}

/// Reads the file again for each chunk: a client that reads slowly holds neither its bytes nor a
/// file descriptor. A file that shrinks meanwhile breaks off the response.
fn body(
    picture: PictureFile,
) -> SizedStream<impl futures_util::Stream<Item = Result<Bytes, Error>>> {
    let length = picture.length;
    let picture = Arc::new(picture);
    let chunks = try_unfold(0, move |offset| {
        let picture = picture.clone();
        async move {
            let left = usize::try_from(length - offset).unwrap_or(CHUNK);
            if left == 0 {
                return Ok(None);
            }
            let read = block(move || picture.read(offset, left.min(CHUNK))).await;
            let chunk = read.map_err(Error::from)??;
            if chunk.is_empty() {
                return Err(ErrorInternalServerError("the picture has been cut"));
            }
            let next = offset + chunk.len() as u64;
            Ok(Some((Bytes::from(chunk), next)))
        }
    });
    SizedStream::new(length, chunks)
}
