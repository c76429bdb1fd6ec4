use super::*;

fn from_file(text: &str) -> Result<Config, ConfigError> {
    Config::from_sources(Some(("my.toml".into(), text.into())), Vec::new())
}

fn from_environment(name: &str, value: &str) -> Result<Config, ConfigError> {
    Config::from_sources(None, vec![(name.into(), value.into())])
}

#[test]
fn the_documented_file_is_the_defaults() {
    let defaults = Config::from_sources(None, Vec::new()).unwrap();
    assert_eq!(from_file(DEFAULTS).unwrap(), defaults);
    assert_eq!(defaults.limits.limits(), Limits::MOST);
}

#[test]
fn the_environment_overrides_the_file_and_the_file_the_defaults() {
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
fn what_is_wrong_is_said_in_one_line_with_key_value_and_what_is_allowed() {
    for (text, parts) in [
        (
            "[server]\nbindd = 1\n",
            vec!["server.bindd", "bind, ", "my.toml"],
        ),
        ("[srv]\n", vec!["srv", "server"]),
        ("server = 1\n", vec!["server = 1", "section"]),
        (
            "[server]\nbind = \"here\"\n",
            vec!["server.bind = \"here\"", "socket address"],
        ),
        (
            "[server]\nworkers = \"two\"\n",
            vec!["server.workers = \"two\""],
        ),
        (
            "[server]\nworkers = 257\n",
            vec!["server.workers = 257", "0 to 256"],
        ),
        (
            "[log]\ndurability = \"hope\"\n",
            vec!["log.durability = \"hope\"", "power"],
        ),
        (
            "[limits]\nlines = 101\n",
            vec!["limits.lines = 101", "1 to 100"],
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
        ("CARTLOG_LOG__QUEUE", "0", "log.queue = 0"),
        ("CARTLOG_LOG__PATH", "", "log.path = \"\""),
        ("CARTLOG_VIEWS__PATH", "", "views.path = \"\""),
        (
            "CARTLOG_SECURITY__SECRET_PATH",
            "",
            "security.secret_path = \"\" is not allowed: the path of a file is",
        ),
        (
            "CARTLOG_SERVER__HOSTS",
            "localhost",
            "server.hosts = \"localhost\" is not allowed: a list such as [\"localhost\"] is",
        ),
        (
            "CARTLOG_SERVER__HOSTS",
            "[localhost]",
            "a list such as [\"localhost\"] is",
        ),
    ] {
        let error = from_environment(name, value).unwrap_err().to_string();
        assert!(error.contains(part), "{name}: {error}");
    }
}
