//! `/api/configuration`: the settings in effect, without secrets.

use cartlog_testkit::TestApp;
use serde_json::{Value, json};

/// What nobody may read.
const MARKER: &str = "c0ffee0ddba11";

/// Contract (service): `GET /api/configuration` shows each setting with its source, and no secret.
#[tokio::test]
async fn configuration_shows_settings_and_no_secret() {
    let operator = format!("operator-{MARKER}");
    let secret = format!("{MARKER:0<64}");
    let postgres = format!("postgres://me:{MARKER}@db:5432/shop");
    let nats = format!("[\"nats://me:{MARKER}@n1:4222\"]");
    let key = "AAAAc0ffee0ddba11AAAAAAAAAAAAAAA";
    let receiver = format!("http://127.0.0.1:9/{MARKER}?key={MARKER}");
    let webhooks =
        format!("[{{ name = \"orders\", url = \"{receiver}\", secret = \"whsec_{key}\" }}]");
    let app = TestApp::start_with(&[
        ("security.operator_token", &operator),
        ("orders.warehouse_token", &format!("warehouse-{MARKER}")),
        ("security.secret", &secret),
        ("log.postgres.url", &postgres),
        ("log.postgres.listen_url", &postgres),
        ("log.jetstream.servers", &nats),
        ("log.jetstream.password", MARKER),
        ("log.jetstream.token", MARKER),
        ("nats.servers", "[\"nats://127.0.0.1:9\"]"),
        ("nats.user", "me"),
        ("nats.password", MARKER),
        ("traces.endpoint", &format!("http://127.0.0.1:9/{MARKER}")),
        ("webhooks", &webhooks),
    ]);
    let answer = app
        .get("/api/configuration")
        .token(&operator)
        .await
        .expect(200);
    let text = String::from_utf8(answer.body.clone()).unwrap();
    assert!(!text.contains(MARKER), "{text}");
    let answer: Value = serde_json::from_str(&text).unwrap();
    let items = answer["items"].as_array().unwrap();
    let of = |name: &str| items.iter().find(|it| it["name"] == name).unwrap();
    assert_eq!(
        *of("security.operator_token"),
        json!({
            "name": "security.operator_token", "value": "set", "default": "not set",
            "changed": true, "hidden": true, "source": "environment",
            "origin": "CARTLOG_SECURITY__OPERATOR_TOKEN",
        })
    );
    assert_eq!(
        *of("log.engine"),
        json!({
            "name": "log.engine", "value": "sqlite", "default": "sqlite", "changed": false,
            "hidden": false, "source": "default", "origin": null,
        })
    );
    for (name, value) in [
        ("webhooks[0].url", json!("http://127.0.0.1:9")),
        ("log.postgres.url", json!("postgres://db:5432")),
        ("log.jetstream.servers", json!(["nats://n1:4222"])),
        ("webhooks[0].secret", json!("set")),
        ("proof.key", json!("not set")),
    ] {
        assert_eq!(of(name)["value"], value, "{name}");
    }
    // What fails in the background does not tell them either.
    let errors = app.get("/api/background-errors").token(&operator).await;
    assert!(!String::from_utf8_lossy(&errors.expect(200).body).contains(MARKER));
}
