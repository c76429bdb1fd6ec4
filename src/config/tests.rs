use super::*;
use crate::proof::SigningKey;
use std::collections::BTreeMap;

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::from_sources(Some(("my.toml".into(), text.into())), Vec::new())
}

fn from_environment(name: &str, value: &str) -> Result<Config, ConfigError> {
    Config::from_sources(None, vec![(name.into(), value.into())])
}

#[test]
fn config_toml_documents_the_defaults() {
    let defaults = Config::from_sources(None, Vec::new()).unwrap();
    let documented = from_file(DEFAULTS).unwrap();
    let sources = BTreeMap::new();
    assert_eq!(
        Config {
            sources,
            ..documented
        },
        defaults
    );
    assert_eq!(defaults.limits.limits(), Limits::MOST);
}

#[test]
fn environment_overrides_file_and_file_overrides_defaults() {
    let file = from_file("[server]\nworkers = 3\n").unwrap();
    assert_eq!(file.server.workers, 3);
    let both = Config::from_sources(
        Some(("my.toml".into(), "[server]\nworkers = 3\n".into())),
        vec![
            ("CARTLOG_SERVER__WORKERS".into(), "4".into()),
            ("CARTLOG_SERVER__BIND".into(), "[::1]:0".into()),
            ("CARTLOG_SERVER__HOSTS".into(), "[\"shop.test\"]".into()),
            (
                "CARTLOG_SECURITY__OPERATOR_TOKEN".into(),
                "operator".repeat(4),
            ),
        ],
    )
    .unwrap();
    assert_eq!(both.server.workers, 4);
    assert_eq!(both.server.bind.to_string(), "[::1]:0");
    assert_eq!(both.server.hosts, ["shop.test"]);
}

#[test]
fn invalid_setting_is_one_line_with_key_value_and_range() {
    for (text, parts) in [
        (
            "[server]\nbindd = 1\n",
            vec!["server.bindd", "bind, ", "my.toml"],
        ),
        ("[srv]\n", vec!["srv", "server"]),
        ("server = 1\n", vec!["server = 1 must be a section"]),
        (
            "[server]\nbind = \"here\"\n",
            vec![
                "my.toml: server.bind = \"here\" cannot be",
                "socket address",
            ],
        ),
        (
            "[server]\nworkers = \"two\"\n",
            vec!["server.workers = \"two\""],
        ),
        (
            "[server]\nworkers = 257\n",
            vec!["my.toml: server.workers = 257 must be from 0 to 256"],
        ),
        (
            "[log]\ndurability = \"hope\"\n",
            vec!["log.durability = \"hope\"", "power"],
        ),
        (
            "[limits]\nlines = 101\n",
            vec!["limits.lines = 101 must be from 1 to 100"],
        ),
        (
            "[server]\nbind = \"0.0.0.0:80\"\n",
            vec!["0.0.0.0:80", "operator_token", "loopback"],
        ),
        (
            "[views]\npath = \"data/secret\"\n",
            vec!["views.path = \"data/secret\"", "security.secret_path"],
        ),
        (
            "[log]\npath = \"data/secret\"\n",
            vec!["security.secret_path = \"data/secret\"", "log.path"],
        ),
        (
            "[server]\nallowed_origins = [\"https://shop.example/\"]\n",
            vec![
                "server.allowed_origins has \"https://shop.example/\"",
                "https://shop.example",
            ],
        ),
        (
            "[server]\nallowed_origins = [\"*\"]\n",
            vec!["server.allowed_origins has \"*\", which can never match"],
        ),
        ("[server\n", vec!["my.toml, line 1"]),
    ] {
        let error = from_file(text).unwrap_err().to_string();
        assert!(!error.contains('\n'), "{error}");
        for part in parts {
            assert!(error.contains(part), "{text}: {error} lacks {part}");
        }
    }
    for (name, value, part) in [
        ("CARTLOG_SERVER__BINDD", "1", "server.bindd"),
        ("CARTLOG_SRV__BIND", "1", "srv"),
        ("CARTLOG_SERVER__BASE_PATH", "/shop", "no path prefix"),
        (
            "CARTLOG_SERVER__WORKERS",
            "many",
            "server.workers = \"many\"",
        ),
        (
            "CARTLOG_LOG__QUEUE",
            "0",
            "CARTLOG_LOG__QUEUE: log.queue = 0 must be",
        ),
        (
            "CARTLOG_LOG__PATH",
            "",
            "CARTLOG_LOG__PATH: log.path must not be empty",
        ),
        ("CARTLOG_VIEWS__PATH", "", "views.path must not be empty"),
        (
            "CARTLOG_SECURITY__SECRET_PATH",
            "",
            "security.secret_path must not be empty; expected a file path",
        ),
        (
            "CARTLOG_SERVER__HOSTS",
            "localhost",
            "server.hosts = \"localhost\" cannot be read: expected a list such as [\"localhost\"]",
        ),
        (
            "CARTLOG_SERVER__HOSTS",
            "[localhost]",
            "expected a list such as [\"localhost\"]",
        ),
    ] {
        let error = from_environment(name, value).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}

#[test]
fn hosts_that_never_match_are_refused_with_what_to_write() {
    for (host, instead) in [
        ("https://shop.example", "\"shop.example\""),
        ("https://shop.example/cart", "\"shop.example\""),
        ("shop.example:443", "\"shop.example\""),
        ("shop.example/", "\"shop.example\""),
        (" shop.example", "\"shop.example\""),
        ("::1", "\"[::1]\""),
        ("[::1]:8080", "\"[::1]\""),
        ("[0:0:0:0:0:0:0:1]", "\"[::1]\""),
        ("*.shop.example", "in full"),
        ("shop.*", "in full"),
        ("", "in full"),
        ("[::1", "in full"),
        ("shöp.example", "in full"),
    ] {
        let text = format!("[server]\nhosts = [\"localhost\", \"{host}\"]\n");
        let error = from_file(&text).unwrap_err().to_string();
        for part in ["my.toml: server.hosts", &format!("\"{host}\""), instead] {
            assert!(error.contains(part), "{host}: {error} lacks {part}");
        }
    }
    let none = from_file("[server]\nhosts = []\n").unwrap_err().to_string();
    assert!(none.contains("server.hosts = []"), "{none}");
}

#[test]
fn demo_mode_beyond_this_machine_is_refused() {
    for (setting, key) in [
        ("https = true", "server.https"),
        ("behind_proxy = true", "server.behind_proxy"),
        ("hosts = [\"localhost\", \"shop.example\"]", "server.hosts"),
        ("hosts = [\"*\"]", "server.hosts"),
        ("hosts = [\"192.0.2.1\"]", "server.hosts"),
        ("hosts = [\"[2001:db8::1]\"]", "server.hosts"),
        ("bind = \"0.0.0.0:8080\"", "server.bind"),
    ] {
        let text = format!("[server]\n{setting}\n");
        let error = from_file(&text).unwrap_err().to_string();
        for part in [key, "security.operator_token", "demo mode"] {
            assert!(error.contains(part), "{setting}: {error}");
        }
        let token = "0123456789abcdef0123456789abcdef";
        let with_token = format!("{text}[security]\noperator_token = \"{token}\"\n");
        assert!(from_file(&with_token).is_ok(), "{setting}");
    }
    let local = "[server]\nhosts = [\"localhost\", \"a.localhost\", \"127.0.0.2\", \"[::1]\"]\n";
    assert!(from_file(local).is_ok());
}

#[test]
fn guessable_operator_token_is_refused_without_being_shown() {
    for token in [
        "t",
        "op-secret",
        "fifteen-symbols",
        "öäüöäüöäüöäüöäü",
        "tttttttttttttttttttt",
        "1212121212121212",
        "a b c d e       ",
        "                    ",
    ] {
        for error in [
            from_file(&format!("[security]\noperator_token = \"{token}\"\n")).unwrap_err(),
            from_environment("CARTLOG_SECURITY__OPERATOR_TOKEN", token).unwrap_err(),
        ] {
            let error = error.to_string();
            for part in ["security.operator_token", "at least 16", "openssl rand"] {
                assert!(error.contains(part), "{error}");
            }
            assert!(token.len() == 1 || !error.contains(token), "{error}");
        }
    }
    let number = from_file("[security]\noperator_token = 4711471147114711\n");
    let error = number.unwrap_err().to_string();
    assert!(
        error.contains("my.toml: security.operator_token"),
        "{error}"
    );
    assert!(!error.contains("4711"), "{error}");
    let token = "sixteen-symbols-";
    assert!(from_environment("CARTLOG_SECURITY__OPERATOR_TOKEN", token).is_ok());
}

#[test]
fn settings_of_a_shared_log_are_checked_without_being_shown() {
    let secret = "f".repeat(64);
    let signing_key = SigningKey::new("shop", [1; 32]).to_text().trim().to_owned();
    for (name, value, part) in [
        (
            "CARTLOG_LOG__ENGINE",
            "postgres",
            "log.postgres.url must not be empty",
        ),
        (
            "CARTLOG_LOG__POSTGRES",
            "x",
            "must name a setting of the section log.postgres",
        ),
        (
            "CARTLOG_LOG__POSTGRES__URI",
            "x",
            "unknown setting log.postgres.uri; must be one of",
        ),
        (
            "CARTLOG_LOG__POSTGRE__URL",
            "x",
            "unknown setting log.postgre; must be one of",
        ),
        (
            "CARTLOG_LOG__POSTGRES__TIMEOUT_SECONDS",
            "5",
            "timeout_seconds = 5 must be from 6 to 600",
        ),
        (
            "CARTLOG_LOG__ENGINE",
            "jetstream",
            "log.jetstream.servers must not be empty",
        ),
        (
            "CARTLOG_LOG__JETSTREAM__REPLICAS",
            "6",
            "log.jetstream.replicas = 6 must be from 1 to 5",
        ),
        (
            "CARTLOG_LOG__JETSTREAM__SERVERS",
            "nats://cartlog:hunter2@n1",
            "log.jetstream.servers must be a list of texts in quotes",
        ),
        (
            "CARTLOG_LOG__REPLICA_PATH",
            "data/events.db",
            "must not be the file of log.path",
        ),
        (
            "CARTLOG_SECURITY__SECRET",
            "beef",
            "must have 64 hexadecimal digits",
        ),
        (
            "CARTLOG_PROOF__KEY",
            "PRIVATE+KEY+shop+beef",
            "proof.key must be a signing key",
        ),
        (
            "CARTLOG_PROOF__KEY",
            &signing_key,
            "proof.key must be empty with log.engine = \"sqlite\"",
        ),
    ] {
        let error = from_environment(name, value).unwrap_err().to_string();
        assert!(
            error.contains(part) && !error.contains('\n') && !error.contains("PRIVATE+KEY+shop+"),
            "{name}: {error}"
        );
    }
    let url = "postgres://cartlog:hunter2@db/cartlog";
    let file = format!(
        "[log]\nengine = \"postgres\"\n[log.postgres]\nurl = \"{url}\"\n\
         [security]\nsecret = \"{secret}\"\n[proof]\nkey = \"{signing_key}\"\n"
    );
    let config = from_file(&file).unwrap();
    assert_eq!(config.log.replica_path(), Path::new("data/replica.db"));
    let shown = format!("{config:?} {:?}", config.log_config());
    assert!(
        !["hunter2", &secret, &signing_key]
            .iter()
            .any(|part| shown.contains(part)),
        "{shown}"
    );
    for wrong in [
        "[log.postgres]\nurl = 77331\n",
        "[security]\nsecret = 77331\n",
    ] {
        let error = from_file(wrong).unwrap_err().to_string();
        assert!(
            error.contains("in quotes") && !error.contains("77331"),
            "{error}"
        );
    }
}

#[test]
fn credentials_of_jetstream_must_not_contradict() {
    let with = |lines: &str| {
        let file = format!(
            "[log]\nengine = \"jetstream\"\n[log.jetstream]\nservers = [\"nats://n1\"]\n{lines}"
        );
        from_file(&file)
    };
    for (lines, part) in [
        (
            "user = \"cartlog\"\n",
            "log.jetstream.user must be set together with",
        ),
        (
            "password = \"hunter2\"\n",
            "log.jetstream.user must be set together with",
        ),
        (
            "user = \"a\"\npassword = \"hunter2\"\npassword_file = \"b\"\n",
            "log.jetstream.password must not be set together with log.jetstream.password_file",
        ),
        (
            "token = \"hunter2\"\nnkey_file = \"b\"\n",
            "log.jetstream.nkey_file must not be set together with log.jetstream.token",
        ),
        ("password = 1\n", "must be a text in quotes"),
    ] {
        let error = with(lines).unwrap_err().to_string();
        assert!(
            error.contains(part) && !error.contains("hunter2"),
            "{error}"
        );
    }
    let config = with("user = \"a\"\npassword = \"hunter2\"\n").unwrap();
    let shown = format!("{config:?} {:?}", config.log_config());
    assert!(
        shown.contains("nats://n1") && !shown.contains("hunter2"),
        "{shown}"
    );
}
