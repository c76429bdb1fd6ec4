//! `/api/backup`: a copy of the log's file.

use crate::log::{BackupError, LogCopy};
use crate::web::api::operator::Operator;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::downloads::{DownloadPace, RETRY_AFTER};
use crate::web::http::path::no_query;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::http::response_headers::{BACKUP_LACKS, LOG_POSITION};
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::body::{self, SizedStream};
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::web::{Bytes, Data, block};
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::stream::{Stream, try_unfold};
use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::task::spawn_blocking;

/// How much of a copy is in memory for a client.
const CHUNK: u64 = 64 * 1_024;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/api/backup").get(Rate::Unlimited, download, describe_download)]
}

async fn download(
    request: HttpRequest,
    _: Operator,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    no_query(&request)?;
    let turn = state.downloads.backups.take()?;
    // A response to HEAD has the same headers but for the length, and nothing is copied for it.
    let (position, copy) = if request.method() == Method::HEAD {
        (state.end().await?, None)
    } else {
        let (copy, turn) = copy_log(&state, turn).await?;
        (copy.head.position, Some((copy, turn)))
    };
    let file = format!("attachment; filename=\"cartlog-{position}-without-keys.db\"");
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::CONTENT_DISPOSITION, file))
        .insert_header((LOG_POSITION, HeaderValue::from(position.0)))
        .insert_header((BACKUP_LACKS, "secret, signing-key"))
        .content_type("application/vnd.sqlite3");
    Ok(match copy {
        None => response.body(body::None::new()),
        Some((copy, turn)) => {
            let length = copy.bytes;
            response.body(SizedStream::new(length, content(copy, turn)))
        }
    })
}

/// Copies the log on a thread that may block, and has the turn until it is done. Stops when the
/// service does, or when the client is gone.
async fn copy_log(
    state: &AppState,
    turn: OwnedSemaphorePermit,
) -> Result<(LogCopy, OwnedSemaphorePermit), Problem> {
    let (done, copied) = oneshot::channel();
    let (administration, stopping) = (
        state.downloads.administration.clone(),
        state.stopping.clone(),
    );
    spawn_blocking(move || {
        let mut progress = |_: u64, _: u64| {
            if done.is_closed() || *stopping.borrow() {
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        };
        let copied = administration.copy(&mut progress);
        // Without a receiver the copy is dropped, and with it its file.
        let _ = done.send(copied.map(|copy| (copy, turn)));
    });
    let copied = copied.await.map_err(Problem::internal)?;
    copied.map_err(Problem::from)
}

/// A copy that is being downloaded.
struct Running {
    file: Arc<File>,
    offset: u64,
    left: u64,
    pace: DownloadPace,
    _turn: OwnedSemaphorePermit,
}

/// The content of `copy` in chunks, each read when the client wants it.
fn content(copy: LogCopy, turn: OwnedSemaphorePermit) -> impl Stream<Item = Result<Bytes, Error>> {
    let running = Running {
        file: Arc::new(copy.file),
        offset: 0,
        left: copy.bytes,
        pace: DownloadPace::beginning(Instant::now()),
        _turn: turn,
    };
    try_unfold(running, async |mut running: Running| {
        let chunk = running.next_chunk().await.inspect_err(|error| {
            // The client sees a response that was cut.
            tracing::warn!(%error, "a download of a backup failed");
        })?;
        Ok(chunk.map(|chunk| (chunk, running)))
    })
}

impl Running {
    /// The next chunk; `None` at the end.
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let length = self.left.min(CHUNK);
        if length == 0 {
            return Ok(None);
        }
        let (file, offset) = (self.file.clone(), self.offset);
        let read = block(move || {
            let mut chunk = vec![0; usize::try_from(length).unwrap_or(0)];
            file.read_exact_at(&mut chunk, offset).map(|()| chunk)
        });
        let chunk = read.await??;
        let paced = self.pace.advance(length, Instant::now());
        paced.map_err(|slow| io::Error::new(io::ErrorKind::TimedOut, slow))?;
        self.offset += length;
        self.left -= length;
        Ok(Some(chunk.into()))
    }
}

impl From<BackupError> for Problem {
    fn from(error: BackupError) -> Problem {
        match &error {
            BackupError::NoRoom { .. } => Problem::new(Kind::NoRoom, format!("{error}.")),
            BackupError::Exists(_)
            | BackupError::Log { .. }
            | BackupError::Target { .. }
            | BackupError::Damaged { .. }
            | BackupError::Stopped => {
                let detail = format!("There is no backup: {error}.");
                Problem::new(Kind::LogUnavailable, detail)
                    .retry_after(RETRY_AFTER)
                    .because(&error)
            }
        }
    }
}

fn describe_download(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(Tag::Log, "backUpLog", "Download a backup of the log")
        .description(
            "The log as of one moment, as `cartlog backup` copies it: an SQLite file, complete \
             and checked. **Neither the secret nor the signing key is in it** (`Backup-Lacks`): \
             without a copy of the secret no service starts on it, and without the key its log is \
             signed under another one. `docs/backups.md` says how to restore. Of a log that nodes \
             share, it is this node's replica once it is up to date. It contains personal data as \
             far as carts do. The copy needs as much disk as the log while it is downloaded. One \
             download runs at a time, and one that takes less than 128 KiB/s for over a minute is \
             cut.",
        )
        .requires_operator()
        .responds(StatusCode::OK, "The log's file.")
        .binary_content("application/vnd.sqlite3")
        .with_headers(&[
            Header::BackupLacks,
            Header::CacheControl,
            Header::LogPosition,
        ])
        .problems(&[Kind::LogUnavailable, Kind::NoRoom, Kind::Overloaded])
}
