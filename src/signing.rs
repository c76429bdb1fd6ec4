//! The signing of checkpoints, wired together: the key, and the signer on a thread of its own.

use crate::background::{Background, BackgroundFailed};
use crate::config::Config;
use crate::log::LogReader;
use crate::proof::{KeyFile, Signer, SigningStatus};
use crate::views::Reader;
use crate::web::ProofState;
use std::io;
use tokio::sync::watch;

/// The signer, if the log can be signed. A log that cannot is served all the same.
pub struct Signing {
    pub state: ProofState,
    signer: Option<Background>,
}

impl Signing {
    /// Opens the key of `log` and signs what `reader` has until `stopping` is true.
    pub fn start(
        config: &Config,
        log: &dyn LogReader,
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
        if log.replica().is_some() {
            // Each node would sign by itself, and two could contradict each other.
            let reason = "checkpoints are signed with log.engine = \"sqlite\" only, not on a log \
                that nodes share";
            return Ok(unsigned(reason.to_owned()));
        }
        let key = match KeyFile::open(&config.proof.key_settings(), &default_origin(log)) {
            Ok(key) => key,
            Err(error) => return Ok(unsigned(error.to_string())),
        };
        let verifier = key.verifier().clone();
        let signer = Signer::new(key);
        let status = signer.status();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
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

/// The name of `log` in its checkpoints, unless the configuration has one.
pub fn default_origin(log: &dyn LogReader) -> String {
    format!("cartlog/{}", log.identity())
}
