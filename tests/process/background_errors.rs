//! What went wrong in the background, as the operator sees it: a receiver of webhooks that fails,
//! and views that are damaged.

use cartlog_testkit::api::ApiClient;
use cartlog_testkit::process::{ServiceProcess, command, setting};
use cartlog_testkit::receiver::{Reply, WebhookReceiver};
use cartlog_testkit::{PATIENCE, text};
use serde_json::Value;
use std::fs::OpenOptions;

const TOKEN: &str = "the token of the operator";
const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const QUERY: &str = "t0ken-in-the-query";

/// Waits until the operator sees an error of `part` with `message`, `times` at least.
async fn error(api: &ApiClient, part: &str, message: &str, times: u64) -> Value {
    let seen = async {
        loop {
            let answer = api.get("/api/background-errors").token(TOKEN).await;
            let answer = answer.expect(200);
            let body = String::from_utf8_lossy(&answer.body);
            for secret in [TOKEN, KEY, QUERY] {
                assert!(!body.contains(secret), "{body}");
            }
            let errors = answer.json();
            let items = errors["items"].as_array().expect("errors").iter();
            // The same message with other details is another error.
            let found = items.filter(|it| it["part"] == part && it["message"] == message);
            let found: Vec<&Value> = found.collect();
            let counts = found
                .iter()
                .map(|it| it["count"].as_u64().expect("a number"));
            if counts.sum::<u64>() >= times {
                return found[0].clone();
            }
        }
    };
    let seen = tokio::time::timeout(PATIENCE, seen).await;
    seen.unwrap_or_else(|_| panic!("no error of {part}: {message}"))
}

/// Contract (service): `GET /api/background-errors` shows what the parts of a node report, whatever
/// the level of its log: a receiver of webhooks that fails, and damaged views.
#[tokio::test]
async fn operator_sees_failing_receiver_and_damaged_views() {
    let folder = tempfile::tempdir().unwrap();
    let receiver = WebhookReceiver::start();
    receiver.answer(|_| Reply::Status(500, ""));
    let url = format!("{}?key={QUERY}", receiver.url());
    let webhooks = format!(
        "[{{ name = \"orders\", url = \"{url}\", secret = \"whsec_{KEY}\", attempts = 2 }}]"
    );
    let mut serve = command(folder.path(), &["serve"]);
    serve
        .env(setting("logging.level"), "error")
        .env(setting("security.operator_token"), TOKEN)
        .env(setting("webhooks"), webhooks);
    let program = ServiceProcess::run(serve);
    let api = ApiClient::at(program.address);
    let none = api.get("/api/background-errors").token(TOKEN).await;
    assert_eq!(none.expect(200).json()["items"], Value::Array(Vec::new()));

    let cart = api.open_cart_with(&[("teapot", 1)]).await;
    cart.check_out(2, 1999, "pay").await.expect(201);
    let down = "the receiver of a webhook fails; retrying";
    let down = error(&api, "webhooks", down, 1).await;
    assert_eq!(down["severity"], "warning");
    assert_eq!(down["details"]["webhook"], "orders");
    assert!(text(&down["details"]["reason"]).contains("500"), "{down}");
    assert_eq!(down["first_at"], down["at"]);
    receiver.answer(|_| Reply::Status(422, ""));
    let parked = error(&api, "webhooks", "webhook failed; the cart is parked", 1).await;
    assert_eq!(parked["details"]["cart"], cart.id);

    // A fault of the disk: the views are made again, and damaged again.
    for times in 1..=2 {
        cart.get_at_least(3).await.expect(200);
        let views = folder.path().join("data/views.db");
        let file = OpenOptions::new().write(true).open(views).unwrap();
        let length = file.metadata().unwrap().len();
        file.set_len(length / 2).unwrap();
        drop(file);
        let message = "the views are damaged: rebuilding them";
        error(&api, "views", message, times).await;
        let healed = async {
            loop {
                let status = api.get("/api/views/rebuild").token(TOKEN).await;
                let runs = api.get("/api/jobs").token(TOKEN).await.expect(200).json();
                let runs = runs["items"].as_array().unwrap().clone();
                let swapped = runs.iter().filter(|run| run["outcome"] == "done").count();
                if status.expect(200).json()["state"] == "swapped" && swapped as u64 == times {
                    assert_eq!(runs[0]["requested_by"], "service");
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, healed)
            .await
            .expect("healed views");
    }
    let failed = error(&api, "views", "view updater failed; retrying", 1).await;
    assert_eq!(failed["severity"], "error");
    assert!(failed["details"]["reason"].is_string(), "{failed}");
}
