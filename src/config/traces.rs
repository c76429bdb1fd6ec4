//! The section `[traces]`.

use super::confidential::Address;
use super::{Config, Invalid};
use crate::traces::TraceSettings;
use serde::{Deserialize, Serialize};
use url::Url;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traces {
    /// The base address of a collector; empty for no traces.
    pub(super) endpoint: Address,
    pub(super) sample: f64,
}

/// The setting is a number, and equal to itself.
impl Eq for Traces {}

impl Config {
    /// Where traces are sent; `None` if they are off.
    pub fn trace_settings(&self) -> Option<TraceSettings> {
        let url = traces_url(self.traces.endpoint.as_str())?;
        Some(TraceSettings {
            url,
            sample: self.traces.sample,
            node: self.server.node_name(),
        })
    }

    pub(super) fn validate_traces(&self) -> Result<(), Invalid> {
        let Traces { endpoint, sample } = &self.traces;
        if !(0.0..=1.0).contains(sample) {
            return Err(Invalid {
                key: "traces.sample",
                problem: format!("= {sample} must be from 0.0 to 1.0"),
            });
        }
        if !endpoint.is_empty() && traces_url(endpoint.as_str()).is_none() {
            return Err(Invalid {
                key: "traces.endpoint",
                problem: "must be the base address of an OTLP collector, such as \
                          http://127.0.0.1:4318, without user, query and fragment; the path \
                          /v1/traces is added to it"
                    .to_owned(),
            });
        }
        Ok(())
    }
}

/// The address for traces below the base address `endpoint`, as OTLP defines it.
fn traces_url(endpoint: &str) -> Option<Url> {
    let base = Url::parse(endpoint).ok()?;
    let fits = matches!(base.scheme(), "http" | "https")
        && base.username().is_empty()
        && base.password().is_none()
        && base.query().is_none()
        && base.fragment().is_none();
    let address = format!("{}/v1/traces", base.as_str().trim_end_matches('/'));
    Url::parse(&address).ok().filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_off_by_default_and_go_to_a_base_address() {
        let with = |text: &str| {
            let file = Some(("my.toml".to_owned(), format!("[traces]\n{text}\n")));
            Config::from_sources(file, Vec::new()).map(|config| config.trace_settings())
        };
        assert_eq!(with(""), Ok(None));
        for (endpoint, expected) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            (
                "https://otlp.example/a/",
                "https://otlp.example/a/v1/traces",
            ),
        ] {
            let settings = with(&format!("endpoint = \"{endpoint}\""))
                .unwrap()
                .unwrap();
            assert_eq!((settings.url.as_str(), settings.sample), (expected, 0.01));
        }
        for wrong in [
            "endpoint = \"collector:4318\"",
            "endpoint = \"http://user:word@collector:4318\"",
            "endpoint = \"http://collector:4318?key=1\"",
            "sample = 1.5",
            "sample = -0.1",
            "sample = nan",
        ] {
            let error = with(wrong).unwrap_err().to_string();
            assert!(error.contains("must be"), "{wrong}: {error}");
        }
    }
}
