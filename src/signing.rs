//! The signing of checkpoints, wired together: the key, and the signer on a thread of its own.

use crate::background::{Background, BackgroundFailed};
use crate::config::Config;
use crate::log::{EventLog, LogReader, NoteStore};
use crate::proof::{Cosigner, KeyFile, KeySettings, Signer, SigningStatus, WitnessStatus};
use crate::views::Reader;
use crate::web::ProofState;
use prometheus::core::Collector;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;

/// The signer, if the log can be signed. A log that cannot is served all the same.
pub struct Signing {
    pub state: ProofState,
    signer: Background,
}

impl Signing {
    /// Opens the key of `log` and signs what a reader has until `stopping` is true. Nodes that
    /// share the log agree by `notes`. Adds the metrics of witnesses to `gauges`.
    pub async fn start(
        config: &Config,
        log: &Arc<dyn EventLog>,
        notes: Option<Arc<dyn NoteStore>>,
        reader: impl Fn() -> Reader,
        stopping: &watch::Receiver<bool>,
        gauges: &mut Vec<Box<dyn Collector>>,
    ) -> io::Result<Signing> {
        let is_public = config.proof.public;
        let witnesses = config.witnesses().map_err(io::Error::other)?;
        let key = match open_key(&config.proof.key_settings(), &**log, notes.as_deref()).await {
            Ok(key) => key,
            Err(reason) => {
                let status = SigningStatus::refused(reason);
                return Ok(Signing {
                    state: ProofState {
                        status,
                        key: None,
                        witnesses: no_witnesses(),
                        is_public,
                    },
                    signer: Background::none(),
                });
            }
        };
        let verifier = key.verifier().clone();
        let is_shared = notes.is_some();
        let signer = Signer::new(key, log.clone(), notes);
        let signed = signer.status();
        let cosigner =
            (!witnesses.is_empty()).then(|| Cosigner::new(&witnesses, signed.clone(), is_shared));
        let state = ProofState {
            status: cosigner.as_ref().map_or(signed, Cosigner::published),
            key: Some(verifier),
            witnesses: cosigner
                .as_ref()
                .map_or_else(no_witnesses, Cosigner::witnesses),
            is_public,
        };
        if let Some(cosigner) = &cosigner {
            gauges.extend(cosigner.gauges());
        }
        // The connection to the engine of a shared log lives on it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (for_signer, for_cosigner) = (reader(), reader());
        let stopping = stopping.clone();
        let signer = Background::spawn("checkpoint signer", move || {
            let cosigning = async {
                match cosigner {
                    Some(cosigner) => cosigner.run(for_cosigner).await,
                    None => std::future::pending().await,
                }
            };
            runtime.block_on(async {
                tokio::select! {
                    () = signer.run(for_signer, stopping) => {}
                    () = cosigning => {}
                }
            });
            // A witness that hangs must not hold up the shutdown.
            runtime.shutdown_background();
            Ok(())
        })?;
        Ok(Signing { state, signer })
    }

    /// Resolves when the signer ends; never, if there is none. Cancel-safe.
    pub async fn ended(&mut self) -> Result<(), BackgroundFailed> {
        self.signer.ended().await
    }

    /// Waits for the signer, which is about to end.
    pub fn join(self) {
        self.signer.join();
    }
}

fn no_witnesses() -> watch::Receiver<Vec<WitnessStatus>> {
    watch::Sender::default().subscribe()
}

/// The key of `log`, or why there is none.
async fn open_key(
    settings: &KeySettings,
    log: &dyn LogReader,
    notes: Option<&dyn NoteStore>,
) -> Result<KeyFile, String> {
    let origin = default_origin(log);
    let opened = match notes {
        None => KeyFile::open(settings, &origin),
        Some(notes) => {
            let note = notes.note().await.map_err(|error| error.to_string())?;
            KeyFile::open_shared(settings, &origin, note.is_some())
        }
    };
    opened.map_err(|error| error.to_string())
}

/// The name of `log` in its checkpoints, unless the configuration has one.
pub fn default_origin(log: &dyn LogReader) -> String {
    format!("cartlog/{}", log.identity())
}
