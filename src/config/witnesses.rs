//! The tables `[[proof.witnesses]]`.

use super::confidential::Address;
use super::{Config, Invalid};
use crate::outbound::Target;
use crate::proof::WitnessSettings;
use serde::{Deserialize, Serialize};

/// The key of the tables.
const KEY: &str = "proof.witnesses";

/// A witness that cosigns checkpoints of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witness {
    url: Address,
    key: String,
    #[serde(default)]
    private_host: String,
}

impl Witness {
    fn settings(&self) -> Result<WitnessSettings, String> {
        let key = self.key.parse();
        let private_host = (!self.private_host.is_empty()).then_some(&*self.private_host);
        let target = Target::parse(self.url.as_str(), private_host);
        Ok(WitnessSettings {
            key: key.map_err(|problem| format!("key = \"{}\": {problem}", self.key))?,
            target: target
                .map_err(|problem| format!("url = \"{}\" {problem}", self.url.as_str()))?,
        })
    }
}

impl Config {
    /// The witnesses that cosign.
    pub fn witnesses(&self) -> Result<Vec<WitnessSettings>, String> {
        self.proof.witnesses.iter().map(Witness::settings).collect()
    }

    /// Each witness is sound, and has a name of its own.
    pub(super) fn validate_witnesses(&self) -> Result<(), Invalid> {
        let invalid = |problem| Invalid { key: KEY, problem };
        let witnesses = self.witnesses().map_err(invalid)?;
        for (place, witness) in witnesses.iter().enumerate() {
            let name = witness.key.name();
            if witnesses[..place].iter().any(|it| it.key.name() == name) {
                return Err(invalid(format!(
                    "must not have two witnesses named \"{name}\""
                )));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConfigError;
    use crate::proof::CosigningKey;

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        Config::from_sources(Some(("my.toml".into(), text.into())), Vec::new())
    }

    #[test]
    fn witness_settings_are_checked() {
        let key = CosigningKey::generate("witness.example/w1").unwrap();
        let key = key.verifier().to_string();
        let sound = format!("url = \"https://witness.example/\"\nkey = \"{key}\"\n");
        let table = |text: &str| format!("[[proof.witnesses]]\n{text}");
        let witnesses = from_file(&table(&sound)).unwrap().witnesses().unwrap();
        assert_eq!(witnesses[0].key.to_string(), key);
        let list = format!("[{{ url = \"http://localhost:1\", key = \"{key}\" }}]");
        let variable = ("CARTLOG_PROOF__WITNESSES".to_owned(), list);
        let config = Config::from_sources(None, vec![variable]).unwrap();
        assert_eq!(config.witnesses().unwrap().len(), 1);
        for (text, part) in [
            (sound.replace("https", "http"), "must use https"),
            (
                sound.replace("witness.example/\"", "10.0.0.1/\""),
                "private_host = \"10.0.0.1\"",
            ),
            (
                sound.replace('+', "-"),
                "must be the verifier key of a witness",
            ),
            (sound.replace("key", "kee"), "unknown field `kee`"),
            (
                "url = \"https://witness.example/\"\n".to_owned(),
                "missing field `key`",
            ),
            (
                format!("{sound}{}", table(&sound)),
                "two witnesses named \"witness.example/w1\"",
            ),
        ] {
            let error = from_file(&table(&text)).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error} lacks {part}");
            assert!(error.starts_with("my.toml: proof.witnesses"), "{error}");
        }
    }
}
