//! `cartlog healthcheck`: whether the service on this machine can serve requests.

use super::Outcome;
use super::service_client::ServiceClient;
use crate::config::Config;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::process::ExitCode;

const PROBE: &str = "/readyz";

/// What of a readiness report is needed here.
#[derive(Deserialize)]
struct Readiness {
    checks: BTreeMap<String, String>,
}

pub fn run(config: &Config) -> Outcome {
    let client = ServiceClient::new(config);
    let url = client.url(PROBE);
    let failed = |error: ureq::Error| format!("{url} failed: {error}");
    let mut response = client.get(PROBE).map_err(failed)?;
    if response.status().is_success() {
        return Ok(ExitCode::SUCCESS);
    }
    let status = response.status().as_u16();
    let body = response.body_mut().read_to_string().map_err(failed)?;
    let Ok(readiness) = serde_json::from_str::<Readiness>(&body) else {
        return Err(format!("{url} failed with status {status}").into());
    };
    let reasons: Vec<_> = readiness
        .checks
        .iter()
        .filter(|(_, check)| *check != "ok")
        .map(|(name, reason)| format!("{name}: {reason}"))
        .collect();
    Err(format!("not ready: {}", reasons.join("; ")).into())
}
