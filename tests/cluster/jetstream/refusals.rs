//! Each wrong setting, server or stream is refused in one line that says what to do.

use super::{at, connect, settings};
use cartlog::log::jetstream::{Credentials, JetStreamConnector, JetStreamSettings, Secret};
use cartlog::log::shared::SequencerConnector;
use cartlog::nats::ServerSettings;
use cartlog_testkit::nats::{NatsCluster, PASSWORD};
use serde_json::{Value, json};
use std::time::Duration;

/// The one-line reason why there is no connection.
async fn refusal(settings: JetStreamSettings) -> String {
    let Err(error) = JetStreamConnector::new(settings).connect().await else {
        panic!("a connection");
    };
    let text = error.to_string();
    assert!(!text.contains('\n') && !text.contains(PASSWORD), "{text}");
    text
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn wrong_setting_is_refused_in_one_line() {
    let cluster = NatsCluster::start(1).await;
    let good = JetStreamSettings {
        timeout: Duration::from_secs(2),
        ..settings(&cluster)
    };
    let at = |server: &str| at(vec![server.to_owned()], good.clone());
    let with = |credentials: Credentials| JetStreamSettings {
        servers: ServerSettings {
            credentials,
            ..good.servers.clone()
        },
        ..good.clone()
    };
    let user = |password: Secret| Credentials::Password {
        user: "cartlog".to_owned(),
        password,
    };
    for (wrong, part) in [
        (at("http://somewhere"), "expected nats://host:port"),
        (
            at("nats://cartlog:pw@127.0.0.1:1"),
            "must not contain a user or password",
        ),
        (at("nats://127.0.0.1:2"), "cannot connect to 127.0.0.1:2"),
        (with(Credentials::None), "authorization violation"),
        (
            with(user(Secret::Text("wrong".to_owned()))),
            "check the user and password",
        ),
        (
            with(user(Secret::File("/nowhere/password".into()))),
            "cannot read the password file /nowhere/password",
        ),
        (
            with(Credentials::NkeyFile("/nowhere/nkey".into())),
            "cannot read the seed of an nkey file /nowhere/nkey",
        ),
        (
            with(Credentials::CredentialsFile("/nowhere/creds".into())),
            "cannot read the credentials file /nowhere/creds",
        ),
        (
            JetStreamSettings {
                servers: ServerSettings {
                    root_certificates: Some("/nowhere/root.pem".into()),
                    ..good.servers.clone()
                },
                ..good.clone()
            },
            "cannot read the certificates in /nowhere/root.pem",
        ),
        (
            JetStreamSettings {
                stream: "a stream".to_owned(),
                ..good.clone()
            },
            "log.jetstream.stream = \"a stream\" must be a name",
        ),
        (
            JetStreamSettings {
                subject_prefix: "shop..carts".to_owned(),
                ..good.clone()
            },
            "log.jetstream.subject_prefix = \"shop..carts\" must have",
        ),
        (
            JetStreamSettings {
                replicas: 3,
                ..good.clone()
            },
            "cannot create the stream cartlog",
        ),
    ] {
        let reason = refusal(wrong).await;
        assert!(reason.contains(part), "{part} in: {reason}");
    }
    // None of them has created anything.
    let connector = JetStreamConnector::new(good);
    assert!(connector.connect_existing().await.unwrap().is_none());
    assert!(!format!("{connector:?}").contains(PASSWORD));
}

/// A stream that could lose or alter commits is refused, with the setting that
/// is wrong.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn wrong_stream_is_refused_with_its_setting() {
    let cluster = NatsCluster::start(1).await;
    let good = settings(&cluster);
    let first = connect(good.clone()).await;
    let again = connect(good.clone()).await;
    assert_eq!(first.identity(), again.identity());
    let info = cluster.api("STREAM.INFO.cartlog", &json!({})).await;
    for (number, (key, wrong)) in [
        ("max_age", json!(3_600_000_000_000_u64)),
        ("max_msgs", json!(1_000)),
        ("max_bytes", json!(1_000_000)),
        ("max_msgs_per_subject", json!(1)),
        ("retention", json!("workqueue")),
        ("storage", json!("memory")),
        ("deny_delete", json!(false)),
        ("deny_purge", json!(false)),
        ("allow_rollup_hdrs", json!(true)),
        ("allow_direct", json!(false)),
        ("no_ack", json!(true)),
        ("allow_msg_ttl", json!(true)),
    ]
    .into_iter()
    .enumerate()
    {
        let (name, prefix) = (format!("wrong{number}"), format!("wrong.{number}"));
        let mut config: Value = info["config"].clone();
        config["name"] = json!(name);
        config["subjects"] = json!([format!("{prefix}.*")]);
        config[key] = wrong;
        if key == "allow_rollup_hdrs" {
            // Not possible beside it.
            config["deny_purge"] = json!(false);
        }
        let created = cluster.api(&format!("STREAM.CREATE.{name}"), &config).await;
        assert!(created["error"].is_null(), "{key}: {created}");
        let wrong = JetStreamSettings {
            stream: name.clone(),
            subject_prefix: prefix,
            ..good.clone()
        };
        let reason = refusal(wrong).await;
        let is_named = reason.contains(&format!("the stream {name} has {key} = "))
            || (key == "allow_rollup_hdrs" && reason.contains("has deny_purge = "));
        assert!(is_named, "{key}: {reason}");
    }
    let other_subjects = JetStreamSettings {
        subject_prefix: "elsewhere".to_owned(),
        ..good.clone()
    };
    assert!(refusal(other_subjects).await.contains("has subjects = "));
    let more = JetStreamSettings {
        replicas: 3,
        ..good.clone()
    };
    assert!(
        refusal(more)
            .await
            .contains("has num_replicas = 1, but must have 3")
    );

    let mut config = info["config"].clone();
    config["name"] = json!("orders");
    config["subjects"] = json!(["orders.*"]);
    cluster.api("STREAM.CREATE.orders", &config).await;
    let client = cluster.client(None).await;
    client
        .request("orders.1", "of something else".into())
        .await
        .unwrap();
    let orders = JetStreamSettings {
        stream: "orders".to_owned(),
        subject_prefix: "orders".to_owned(),
        ..good
    };
    assert!(
        refusal(orders)
            .await
            .contains("has messages of something else")
    );
}
