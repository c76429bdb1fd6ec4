//! What systemd learns about the service (`Type=notify`, `WatchdogSec=`). Without it, nothing
//! happens.

use super::service_client::ServiceClient;
use crate::config::Config;
use sd_notify::NotifyState;
use std::time::Duration;

/// Reports that the service of `config` listens, and answers the watchdog from then on.
pub fn report_ready(config: &Config) -> Result<(), String> {
    let status = format!("serving at {}", config.server.bind);
    notify(&[NotifyState::Ready, NotifyState::Status(&status)]);
    let Some(interval) = sd_notify::watchdog_enabled() else {
        return Ok(());
    };
    let client = ServiceClient::new(config);
    std::thread::Builder::new()
        .name("watchdog".to_owned())
        .spawn(move || answer_watchdog(&client, interval / 2))
        .map(|_| ())
        .map_err(|error| format!("cannot start the watchdog: {error}"))
}

/// Reports that the service shuts down.
pub fn report_stopping() {
    notify(&[NotifyState::Stopping]);
}

/// Sends a sign of life every `pause` while the service answers requests. Once it does not, systemd
/// restarts it.
fn answer_watchdog(client: &ServiceClient, pause: Duration) {
    loop {
        match client.get("/livez") {
            Ok(_) => notify(&[NotifyState::Watchdog]),
            Err(error) => tracing::error!(%error, "watchdog: a request to the service failed"),
        }
        std::thread::sleep(pause);
    }
}

fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "cannot notify systemd");
    }
}
