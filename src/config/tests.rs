use super::*;

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::from_sources(Some(("my.toml".into(), text.into())), Vec::new())
}

fn from_environment(name: &str, value: &str) -> Result<Config, ConfigError> {
    Config::from_sources(None, vec![(name.into(), value.into())])
}

#[test]
fn config_toml_documents_the_defaults() {
    let defaults = Config::from_sources(None, Vec::new()).unwrap();
    assert_eq!(from_file(DEFAULTS).unwrap(), defaults);
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
