//! `cartlog witness`: cosigns the checkpoints of another service's log.

use super::Outcome;
use crate::proof::{Refusal, VerifierKey, Witness as CheckpointWitness};
use crate::timestamp::Timestamp;
use actix_web::http::{StatusCode, header};
use actix_web::web::{self, Data, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer};
use clap::Args;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// No request is longer, in bytes.
const MAX_REQUEST: usize = 64 * 1024;
/// Connections at once, and seconds to finish with them at the end.
const CONNECTIONS: usize = 256;
const SHUTDOWN_SECONDS: u64 = 5;

#[derive(Debug, Args)]
pub struct Witness {
    /// The key of the log, as `cartlog key` prints it there.
    #[arg(long, value_name = "VKEY")]
    log: VerifierKey,
    /// The file of the witness's own key. The last cosigned checkpoint is kept beside it.
    #[arg(long, value_name = "FILE", default_value = "data/witness.key")]
    key: PathBuf,
    /// The name of the key, if it has to be generated, such as witness.example/w1.
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    bind: SocketAddr,
}

fn name(text: &str) -> Result<String, &'static str> {
    let is_name = crate::proof::is_name(text);
    let problem = "must have no spaces, control characters and \"+\"";
    is_name.then(|| text.to_owned()).ok_or(problem)
}

pub fn run(arguments: &Witness) -> Outcome {
    let Witness {
        log,
        key,
        name,
        bind,
    } = arguments;
    let witness = CheckpointWitness::open(key, name.as_deref(), log.clone(), now())?;
    let verifier = witness.verifier();
    let witness = Data::new(Mutex::new(witness));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let serving = async {
        let routes = move || {
            App::new()
                .app_data(witness.clone())
                .app_data(PayloadConfig::new(MAX_REQUEST))
                .route("/add-checkpoint", web::post().to(add_checkpoint))
        };
        let server = HttpServer::new(routes)
            .workers(1)
            .max_connections(CONNECTIONS)
            .shutdown_timeout(SHUTDOWN_SECONDS)
            .bind(bind)
            .map_err(|error| {
                format!("cannot listen on {bind}: {error}; set another address with --bind")
            })?;
        let address = server.addrs()[0];
        let mut out = io::stdout();
        writeln!(out, "{verifier}")?;
        writeln!(out, "cosigns {} at http://{address}/", log.name())?;
        server.run().await?;
        Ok(ExitCode::SUCCESS)
    };
    tokio::task::LocalSet::new().block_on(&runtime, serving)
}

async fn add_checkpoint(request: String, witness: Data<Mutex<CheckpointWitness>>) -> HttpResponse {
    // It waits for the disk.
    let cosigned = web::block(move || {
        // A request that panicked has changed nothing in memory, and the file is whole.
        let mut witness = witness.lock().unwrap_or_else(PoisonError::into_inner);
        witness.add_checkpoint(&request, now())
    });
    let refusal = match cosigned.await {
        Ok(Ok(line)) => return answer(StatusCode::OK, "text/plain; charset=utf-8", line),
        Ok(Err(refusal)) => refusal,
        Err(_) => return HttpResponse::InternalServerError().finish(),
    };
    tracing::warn!(%refusal, "a checkpoint is not cosigned");
    let status = match &refusal {
        Refusal::Malformed(_) => StatusCode::BAD_REQUEST,
        Refusal::UnknownLog(_) => StatusCode::NOT_FOUND,
        Refusal::NotSigned => StatusCode::FORBIDDEN,
        Refusal::Conflict(size) => {
            let size = format!("{size}\n");
            return answer(StatusCode::CONFLICT, "text/x.tlog.size", size);
        }
        Refusal::Inconsistent => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::NotKept(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    answer(status, "text/plain; charset=utf-8", format!("{refusal}\n"))
}

fn answer(status: StatusCode, content_type: &'static str, body: String) -> HttpResponse {
    HttpResponse::build(status)
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .content_type(content_type)
        .body(body)
}

/// The time in seconds since 1970, before which the command line does not start.
fn now() -> u64 {
    u64::try_from(Timestamp::now().millis() / 1_000).unwrap_or(0)
}
