use super::*;
use crate::proof::SigningKey;
use std::collections::BTreeSet;

/// What no operator may see.
const MARKER: &str = "c0ffee0ddba11";

/// Configurations that together set everything that is hidden.
fn marked() -> [Config; 2] {
    let key = SigningKey::new(MARKER, [1; 32]).to_text();
    let secret = format!("{MARKER:0<64}");
    let url = format!("postgres://me:{MARKER}@db:5432/shop?options={MARKER}");
    let nats = format!("[\"nats://me:{MARKER}@n1:4222\"]");
    let receiver = format!(
        "name = \"a\"\nnode = \"n1\"\nurl = \"https://shop.example/{MARKER}?key={MARKER}\"\n"
    );
    // Base64 of 24 bytes.
    let signing = "AAAAc0ffee0ddba11AAAAAAAAAAAAAAA";
    let witness_key = crate::proof::CosigningKey::generate("w1").unwrap();
    let witness_key = witness_key.verifier();
    let both = format!(
        "[log]\nengine = \"postgres\"\n\
         [log.postgres]\nurl = \"{url}\"\nlisten_url = \"{url}\"\n\
         [log.jetstream]\nservers = {nats}\npassword = \"{MARKER}\"\ntoken = \"{MARKER}\"\n\
         [orders]\nwarehouse_token = \"warehouse-{MARKER}\"\n\
         [security]\noperator_token = \"operator-{MARKER}\"\nsecret = \"{secret}\"\n\
         [proof]\nkey = \"{}\"\n\
         [[proof.witnesses]]\nurl = \"https://witness.example/{MARKER}\"\nkey = \"{witness_key}\"\n\
         [[webhooks]]\n{receiver}secret = \"whsec_{signing}\"\n\
         [traces]\nendpoint = \"https://otlp.example/{MARKER}\"\n",
        key.trim()
    );
    // A password and a token contradict each other.
    [
        format!("{both}[nats]\nuser = \"me\"\npassword = \"{MARKER}\"\n"),
        format!("{both}[nats]\nservers = [\"nats://n1:4222\"]\ntoken = \"{MARKER}\"\n"),
    ]
    .map(|file| Config::from_sources(Some(("my.toml".into(), file)), Vec::new()).unwrap())
}

/// Contract (service): Operators see every setting, and of a secret only whether it is set.
#[test]
fn no_secret_is_in_the_effective_settings() {
    let mut unseen: BTreeSet<String> = BTreeSet::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for config in marked() {
        let settings = config.effective();
        let text = serde_json::to_string(&settings).unwrap();
        assert!(!text.contains(MARKER), "{text}");
        let debug = format!("{config:?}");
        assert!(!debug.contains(MARKER), "{debug}");
        for setting in settings.into_iter().filter(|setting| setting.hidden) {
            if setting.changed {
                &mut seen
            } else {
                &mut unseen
            }
            .insert(setting.name);
        }
    }
    let forgotten: Vec<&String> = unseen.difference(&seen).collect();
    assert!(forgotten.is_empty(), "not set by this test: {forgotten:?}");
}

/// A setting that is named like a secret has a type that hides it.
#[test]
fn settings_named_like_secrets_are_hidden() {
    // The public key of a witness.
    let public = ["proof.witnesses[0].key"];
    let telling = [
        "token",
        "secret",
        "password",
        "key",
        "url",
        "servers",
        "endpoint",
        "credentials",
    ];
    for config in marked() {
        for setting in config.effective() {
            let key = setting.name.rsplit('.').next().unwrap();
            let is_file = key.ends_with("_path") || key.ends_with("_file");
            if is_file || public.contains(&&*setting.name) {
                assert!(!setting.hidden, "{}", setting.name);
            } else if telling.iter().any(|word| key.contains(word)) {
                assert!(
                    setting.hidden,
                    "{}: use Confidential or Address",
                    setting.name
                );
            }
        }
    }
}

#[test]
fn each_setting_has_its_value_default_and_source() {
    let file = "[server]\nworkers = 3\nhosts = [\"localhost\"]\n[cache]\nviews_mib = 24\n";
    let variables = [
        ("CARTLOG_SERVER__WORKERS", "4"),
        ("CARTLOG_SECURITY__OPERATOR_TOKEN", "operator-c0ffee0ddba11"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config =
        Config::from_sources(Some(("my.toml".into(), file.into())), variables.to_vec()).unwrap();
    let settings = config.effective();
    let of = |name: &str| settings.iter().find(|it| it.name == name).unwrap();
    for (name, value, default, changed, source, origin) in [
        (
            "server.workers",
            Value::from(4),
            Value::from(0),
            true,
            SettingSource::Environment,
            Some("CARTLOG_SERVER__WORKERS"),
        ),
        (
            "cache.views_mib",
            Value::from(24),
            Value::from(24),
            false,
            SettingSource::File,
            Some("my.toml"),
        ),
        (
            "security.operator_token",
            Value::from("set"),
            Value::from("not set"),
            true,
            SettingSource::Environment,
            Some("CARTLOG_SECURITY__OPERATOR_TOKEN"),
        ),
        (
            "log.engine",
            Value::from("sqlite"),
            Value::from("sqlite"),
            false,
            SettingSource::Default,
            None,
        ),
    ] {
        let setting = of(name);
        assert_eq!(
            (&setting.value, &setting.default),
            (&value, &default),
            "{name}"
        );
        assert_eq!(
            (setting.changed, setting.source),
            (changed, source),
            "{name}"
        );
        assert_eq!(setting.origin.as_deref(), origin, "{name}");
    }
    assert_eq!(of("server.hosts").value, Value::from(vec!["localhost"]));
    // What the file of the defaults documents is all there is.
    let documented = DEFAULTS.parse().unwrap();
    assert_eq!(settings.len(), count(&documented));
}

/// How many settings are in `section` and those in it.
fn count(section: &toml::Table) -> usize {
    let each = section
        .values()
        .map(|value| value.as_table().map_or(1, count));
    each.sum()
}
