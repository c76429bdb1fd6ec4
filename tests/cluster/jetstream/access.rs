//! Who may connect, and what the user of the nodes may do.

use super::{at, connect, settings};
use crate::adapter::{Writer, lost, stream, whole_tail};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cartlog::log::jetstream::{Credentials, JetStreamConnector, JetStreamSettings, Secret};
use cartlog::log::shared::SequencerConnector;
use cartlog::nats::ServerSettings;
use cartlog_testkit::nats::{NatsCluster, NatsOptions, NatsServer, PASSWORD, log_settings};
use cartlog_testkit::{PATIENCE, repository};
use nkeys::KeyPair;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use uuid::Uuid;

/// One server in a folder of its own, with the settings of a node that may connect.
struct Guarded {
    server: NatsServer,
    folder: TempDir,
}

impl Guarded {
    /// Starts a server whose settings follow from the folder of its files.
    fn start(settings: impl Fn(&Path) -> String) -> Guarded {
        let folder = tempfile::tempdir().expect("a folder");
        let mut server = NatsServer::alone(folder.path(), &settings(folder.path()));
        server.start();
        Guarded { server, folder }
    }

    fn settings(&self, credentials: Credentials) -> JetStreamSettings {
        let urls = vec![format!("nats://127.0.0.1:{}", self.server.port)];
        let settings = log_settings(urls, "cartlog", 1);
        JetStreamSettings {
            servers: ServerSettings {
                credentials,
                ..settings.servers
            },
            ..settings
        }
    }

    /// Writes `text` into a file in its folder.
    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }
}

/// Writes and reads a commit once the server has started.
async fn accepts(guarded: &Guarded, settings: &JetStreamSettings) {
    let deadline = Instant::now() + PATIENCE;
    let log = loop {
        match JetStreamConnector::new(settings.clone()).connect().await {
            Ok(log) => break log,
            Err(error) => assert!(
                error.to_string().contains("refused") && Instant::now() < deadline,
                "{error}: {}",
                guarded.server.log()
            ),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let mut writer = Writer::on(Uuid::now_v7());
    writer.append(&*log).await;
    assert_eq!(lost(&writer.acknowledged, &whole_tail(&*log).await), 0);
}

/// The server refuses a node with these settings, which says so in one line.
async fn refuses(settings: JetStreamSettings, secrets: &[&str], part: &str) {
    let Err(error) = JetStreamConnector::new(settings).connect().await else {
        panic!("a connection");
    };
    let reason = error.to_string();
    assert!(reason.contains(part), "{part} in: {reason}");
    assert!(!reason.contains('\n'), "{reason}");
    for secret in secrets {
        assert!(!reason.contains(secret), "{reason}");
    }
}

const ADVICE: &str = "check the user and password, token, nkey or credentials of log.jetstream";

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn token_is_accepted_by_a_real_server() {
    let guarded = Guarded::start(|_| format!("authorization {{ token: \"{PASSWORD}\" }}"));
    let file = guarded.file("token", &format!("{PASSWORD}\n"));
    for token in [Secret::File(file), Secret::Text(PASSWORD.to_owned())] {
        accepts(&guarded, &guarded.settings(Credentials::Token(token))).await;
    }
    let wrong = Credentials::Token(Secret::Text("another".to_owned()));
    refuses(guarded.settings(wrong), &["another"], ADVICE).await;
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn nkey_is_accepted_by_a_real_server() {
    let (user, other) = (KeyPair::new_user(), KeyPair::new_user());
    let public = user.public_key();
    let guarded = Guarded::start(|_| format!("authorization {{ users: [{{ nkey: {public} }}] }}"));
    let seeds = [&user, &other].map(|key| key.seed().expect("a seed"));
    let right = guarded.file("right", &format!("{}\n", seeds[0]));
    let wrong = guarded.file("wrong", &format!("{}\n", seeds[1]));
    accepts(&guarded, &guarded.settings(Credentials::NkeyFile(right))).await;
    let wrong = guarded.settings(Credentials::NkeyFile(wrong));
    refuses(wrong, &[&seeds[1]], ADVICE).await;
}

/// A JWT of NATS: what `issuer` says about `subject`.
fn jwt(issuer: &KeyPair, subject: &str, name: &str, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = json!({ "typ": "JWT", "alg": "ed25519-nkey" });
    let claims = json!({
        "jti": name, "iat": 1_700_000_000, "iss": issuer.public_key(), "name": name,
        "sub": subject, "nats": claims,
    });
    let signed = format!("{}.{}", part(&header), part(&claims));
    let signature = issuer.sign(signed.as_bytes()).expect("a signature");
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The file of credentials of `user`, as `nsc` writes it.
fn credentials(jwt: &str, user: &KeyPair) -> String {
    format!(
        "-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        user.seed().expect("a seed")
    )
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn credentials_file_is_accepted_by_a_real_server() {
    let (operator, account) = (KeyPair::new_operator(), KeyPair::new_account());
    let (user, stranger) = (KeyPair::new_user(), KeyPair::new_account());
    let trusted = jwt(
        &operator,
        &operator.public_key(),
        "operator",
        &json!({ "type": "operator", "version": 2 }),
    );
    let limits = json!({
        "subs": -1, "conn": -1, "leaf": -1, "imports": -1, "exports": -1, "data": -1,
        "payload": -1, "wildcards": true, "mem_storage": -1, "disk_storage": -1, "streams": -1,
        "consumer": -1,
    });
    let shop = jwt(
        &operator,
        &account.public_key(),
        "shop",
        &json!({ "type": "account", "version": 2, "limits": limits }),
    );
    let system = KeyPair::new_account();
    let own = jwt(
        &operator,
        &system.public_key(),
        "system",
        &json!({ "type": "account", "version": 2, "limits": { "subs": -1, "conn": -1 } }),
    );
    let guarded = Guarded::start(|_| {
        let (shop_key, system) = (account.public_key(), system.public_key());
        format!(
            "operator: {trusted}\nsystem_account: {system}\nresolver: MEMORY\n\
             resolver_preload: {{ {shop_key}: {shop}, {system}: {own} }}"
        )
    });
    let claims = json!({ "type": "user", "version": 2, "subs": -1, "data": -1, "payload": -1 });
    let of = |issuer: &KeyPair| {
        let jwt = jwt(issuer, &user.public_key(), "node", &claims);
        credentials(&jwt, &user)
    };
    let right = guarded.file("right", &of(&account));
    accepts(
        &guarded,
        &guarded.settings(Credentials::CredentialsFile(right)),
    )
    .await;
    let wrong = guarded.settings(Credentials::CredentialsFile(
        guarded.file("wrong", &of(&stranger)),
    ));
    let seed = user.seed().expect("a seed");
    refuses(wrong, &[&seed], ADVICE).await;
    let cut = guarded.settings(Credentials::CredentialsFile(guarded.file("cut", &seed)));
    refuses(cut, &[&seed], "expected a JWT and the seed of a user").await;
}

/// A key and a certificate for 127.0.0.1 that it signs itself.
fn certify(folder: &Path) {
    let mut openssl = Command::new("openssl");
    openssl
        .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
        .args([
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-subj",
            "/CN=127.0.0.1",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("server.key"))
        .arg("-out")
        .arg(folder.join("server.crt"));
    let output = openssl.output().expect("openssl runs");
    let reason = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{reason}");
}

/// Promise (cluster): With TLS a node talks to the NATS server that its certificate names, or to
/// none.
/// Fault: The certificate is not trusted, or is of another host.
/// Control: Trusted, under its own name, it is used.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn jetstream_tls_requires_a_trusted_certificate_of_the_host() {
    let guarded = Guarded::start(|folder| {
        certify(folder);
        let file = |name: &str| folder.join(name).display().to_string();
        format!(
            "tls {{ cert_file: \"{}\", key_file: \"{}\" }}\n\
             authorization {{ users: [{{ user: cartlog, password: \"{PASSWORD}\" }}] }}",
            file("server.crt"),
            file("server.key")
        )
    });
    let password = Credentials::Password {
        user: "cartlog".to_owned(),
        password: Secret::Text(PASSWORD.to_owned()),
    };
    let port = guarded.server.port;
    let at = |url: String, is_trusted: bool| {
        let settings = at(vec![url], guarded.settings(password.clone()));
        JetStreamSettings {
            servers: ServerSettings {
                root_certificates: is_trusted.then(|| guarded.folder.path().join("server.crt")),
                ..settings.servers
            },
            ..settings
        }
    };
    accepts(&guarded, &at(format!("tls://127.0.0.1:{port}"), true)).await;
    // A server that requires TLS gets it, whatever the address says.
    accepts(&guarded, &at(format!("nats://127.0.0.1:{port}"), true)).await;
    for (settings, reason) in [
        (at(format!("tls://127.0.0.1:{port}"), false), "certificate"),
        (at(format!("tls://localhost:{port}"), true), "localhost"),
    ] {
        refuses(settings, &[PASSWORD], reason).await;
    }
}

/// The rights that `docs/cluster.md` lists for the user of the nodes.
fn documented_permissions() -> String {
    let page = std::fs::read_to_string(repository().join("docs/cluster.md")).expect("the page");
    let blocks = page
        .split("```\n")
        .filter(|block| block.starts_with("permissions: {"));
    blocks.last().expect("the permissions").to_owned()
}

/// What would delete or change the log, or is not the nodes' matter.
const BEYOND: [&str; 12] = [
    "STREAM.DELETE.cartlog",
    "STREAM.PURGE.cartlog",
    "STREAM.UPDATE.cartlog",
    "STREAM.MSG.DELETE.cartlog",
    "STREAM.RESTORE.cartlog",
    "STREAM.SNAPSHOT.cartlog",
    "STREAM.PEER.REMOVE.cartlog",
    "STREAM.CREATE.other",
    "CONSUMER.CREATE.cartlog",
    "STREAM.DELETE.cartlog_checkpoint",
    "STREAM.PURGE.cartlog_checkpoint",
    "STREAM.LEADER.STEPDOWN.cartlog",
];

/// Promise (cluster): The user of the nodes needs no more rights than the documentation lists, and
/// can neither delete nor change the log with them.
/// Fault: Each request of JetStream's API that would do so
/// Control: A user without limits is refused none of them by a missing right.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn documented_permissions_are_enough_and_no_more() {
    let options = NatsOptions {
        permissions: documented_permissions(),
        ..NatsOptions::default()
    };
    let cluster = NatsCluster::start_with(3, options).await;
    let settings = JetStreamSettings {
        subject_prefix: "cartlog".to_owned(),
        ..settings(&cluster)
    };
    let nodes = [connect(settings.clone()).await, connect(settings).await];
    let mut writer = Writer::on(stream(1));
    for _ in 0..5 {
        writer.append(&*nodes[0]).await;
    }
    for node in &nodes {
        assert_eq!(lost(&writer.acknowledged, &whole_tail(&**node).await), 0);
        node.barrier().await.expect("a barrier");
        let digest = node.record_secret_digest([7; 32], false).await;
        assert_eq!(digest, Ok([7; 32]));
        assert_eq!(node.secret_digest().await, Ok(Some([7; 32])));
    }
    assert_eq!(nodes[0].replace_note(None, "signed").await, Ok(true));
    assert_eq!(nodes[1].note().await, Ok(Some("signed".to_owned())));
    let news = nodes[1].news(writer.acknowledged[4].0);
    let hint = tokio::time::timeout(PATIENCE, news);
    writer.append(&*nodes[0]).await;
    hint.await.expect("a hint of the other node");

    let (limited, unlimited) = (client(&cluster).await, cluster.client(None).await);
    for request in BEYOND {
        // The server answers nothing to what a user may not send.
        let wait = Duration::from_millis(100);
        let refused = limited.request(format!("$JS.API.{request}"), "no document".into());
        let refused = tokio::time::timeout(wait, refused).await;
        assert!(refused.is_err(), "{request}");
    }
    assert_eq!(lost(&writer.acknowledged, &whole_tail(&*nodes[1]).await), 0);
    for request in BEYOND {
        let answer = unlimited.request(format!("$JS.API.{request}"), "no document".into());
        answer
            .await
            .unwrap_or_else(|error| panic!("{request}: {error}"));
    }
}

/// A connection with the rights of the nodes.
async fn client(cluster: &NatsCluster) -> async_nats::Client {
    async_nats::ConnectOptions::new()
        .user_and_password("cartlog".to_owned(), PASSWORD.to_owned())
        .connect(cluster.urls())
        .await
        .expect("a connection")
}
