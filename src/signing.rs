//! The signing of checkpoints, wired together: the key, and the signer on a thread of its own.

use crate::background::{Background, BackgroundFailed};
use crate::config::Config;
use crate::log::{LogReader, NoteStore};
use crate::proof::{KeyFile, KeySettings, Signer, SigningStatus};
use crate::views::Reader;
use crate::web::ProofState;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;

/// The signer, if the log can be signed. A log that cannot is served all the same.
pub struct Signing {
    pub state: ProofState,
    signer: Option<Background>,
}

impl Signing {
    /// Opens the key of `log` and signs what `reader` has until `stopping` is true. Nodes that share
    /// the log agree by `notes`.
    pub async fn start(
        config: &Config,
        log: Arc<dyn LogReader>,
        notes: Option<Arc<dyn NoteStore>>,
        reader: Reader,
        stopping: watch::Receiver<bool>,
    ) -> io::Result<Signing> {
        let is_public = config.proof.public;
        let unsigned = |reason: String| Signing {
            state: ProofState {
                status: SigningStatus::refused(reason),
                key: None,
                is_public,
            },
            signer: None,
        };
        let key = match open_key(&config.proof.key_settings(), &*log, notes.as_deref()).await {
            Ok(key) => key,
            Err(reason) => return Ok(unsigned(reason)),
        };
        let verifier = key.verifier().clone();
        let signer = Signer::new(key, log, notes);
        let status = signer.status();
        // The connection to the engine of a shared log lives on it.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let signer = Background::spawn("checkpoint signer", move || {
            runtime.block_on(signer.run(reader, stopping));
            Ok(())
        })?;
        Ok(Signing {
            state: ProofState {
                status,
                key: Some(verifier),
                is_public,
            },
            signer: Some(signer),
        })
    }

    /// Resolves when the signer ends; never, if there is none. Cancel-safe.
    pub async fn ended(&mut self) -> Result<(), BackgroundFailed> {
        match &mut self.signer {
            Some(signer) => signer.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Waits for the signer, which is about to end.
    pub fn join(self) {
        if let Some(signer) = self.signer {
            signer.join();
        }
    }
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
