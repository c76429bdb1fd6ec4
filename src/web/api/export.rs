//! `/api/export`: the log as a file.

use crate::transfer::Export;
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::downloads::DownloadPace;
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::{Method, StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::unfold;
use std::error::Error;
use std::io::Write;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;

/// Events that a worker writes at a time: other requests wait for no more than that.
const PAGE: usize = 128;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/export").get(Rate::Unlimited, download, describe_download)]
}

async fn download(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let turn = state.downloads.exports.take()?;
    let export = Export::of(&*state.log).await?;
    let file = format!("attachment; filename=\"cartlog-{}.jsonl\"", export.end());
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, file))
        .content_type("application/jsonl");
    // A response to HEAD has the same headers, and nothing is read for it.
    let running = (request.method() != Method::HEAD).then_some(Running {
        export,
        state,
        pace: DownloadPace::beginning(Instant::now()),
        _turn: turn,
    });
    Ok(response.streaming(unfold(running, async |running| {
        let mut running = running?;
        match running.next_page().await {
            Ok((page, true)) => Some((Ok(page), Some(running))),
            Ok((end, false)) => Some((Ok(end), None)),
            Err(error) => {
                // The client sees a response that was cut, and a file without its closing line.
                tracing::error!(%error, "a download of the export failed");
                Some((Err(error), None))
            }
        }
    })))
}

/// An export that is being downloaded.
struct Running {
    export: Export,
    state: Data<AppState>,
    pace: DownloadPace,
    _turn: OwnedSemaphorePermit,
}

impl Running {
    /// The next lines, and whether there are more. The last one is the closing line.
    async fn next_page(&mut self) -> Result<(Bytes, bool), Box<dyn Error>> {
        let mut page = Vec::new();
        let log = &*self.state.log;
        let has_more = self.export.write_page(log, &mut page, PAGE).await?;
        if !has_more {
            writeln!(page, "{}", self.export.summary().to_line())?;
        }
        self.pace.advance(page.len() as u64, Instant::now())?;
        Ok((page.into(), has_more))
    }
}

fn describe_download(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "exportLog", "Export the log")
        .description(
            "The whole log as `cartlog export` writes it: a CloudEvent a line, by position, and a \
             closing line with their number and a hash, so that `cartlog import` notices a file \
             that was cut. It has what the log had when the request came. It contains personal \
             data as far as carts do. One export runs at a time, and one that takes less than \
             128 KiB/s for over a minute is cut.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "The events, a line each.")
        .text_content("application/jsonl")
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::LogUnavailable, Kind::Overloaded])
}
