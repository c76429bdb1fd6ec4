//! `cartlog verify` and `cartlog rebuild`, beside a running service and alone.

use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::http_client;
use cartlog_testkit::orders::until_orders_are_placed;
use cartlog_testkit::process::{ServiceProcess, command, run_to_exit};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Instant;

/// A cart and its token.
pub struct Opened {
    id: String,
    token: String,
    version: u64,
}

impl Opened {
    /// The response of `GET`, from the view.
    async fn document(&self, address: SocketAddr) -> String {
        let url = format!(
            "http://{address}/api/carts/{}?min_version={}",
            self.id, self.version
        );
        let answer = http_client().get(url).bearer_auth(&self.token).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }
}

/// Opens `count` carts; the n-th is at version n + 2 at least.
pub async fn open_carts(address: SocketAddr, count: u64) -> Vec<Opened> {
    let client = http_client();
    let carts = format!("http://{address}/api/carts");
    let mut opened = Vec::new();
    for place in 0..count {
        let items = json!({ "items": [{ "sku": "teapot", "quantity": 1 }] });
        let answer = client.post(&carts).json(&items).send().await.unwrap();
        let mut cart: Value = answer.json().await.unwrap();
        let token = cart["token"].as_str().unwrap().to_owned();
        let id = cart["id"].as_str().unwrap().to_owned();
        for _ in 0..place {
            let added = client
                .post(format!("{carts}/{id}/items"))
                .bearer_auth(&token)
                .json(&json!({ "sku": "sencha", "quantity": 1 }))
                .send()
                .await
                .unwrap();
            assert!(added.status().is_success(), "{added:?}");
            cart = added.json().await.unwrap();
        }
        let version = cart["version"].as_u64().unwrap();
        opened.push(Opened { id, token, version });
    }
    // This query waits until the tables are written.
    let views = client.get(format!("http://{address}/api/views"));
    assert_eq!(views.send().await.unwrap().status(), 200);
    opened
}

pub async fn documents(address: SocketAddr, carts: &[Opened]) -> Vec<String> {
    let asked = carts.iter().map(|cart| cart.document(address));
    futures_util::future::join_all(asked).await
}

/// Alters the total in the row of `cart`, bypassing the service.
fn change(folder: &Path, cart: &Opened) {
    let file = Connection::open(folder.join("data/views.db")).unwrap();
    file.busy_timeout(PATIENCE).unwrap();
    let changed = file.execute(
        "UPDATE carts SET document = replace(document, '\"total\":', '\"total\":7')
          WHERE lower(hex(id)) = ?1",
        [cart.id.replace('-', "")],
    );
    assert_eq!(changed.unwrap(), 1);
}

/// Runs a subcommand beside the service at `address`.
fn beside(folder: &Path, address: SocketAddr, name: &str) -> Output {
    let mut command = command(folder, &[name]);
    command.env("CARTLOG_SERVER__BIND", address.to_string());
    run_to_exit(command)
}

/// Asserts the exit code and returns standard output.
#[track_caller]
pub fn assert_exit_code(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Contract (views): `verify` runs beside a service that writes.
#[tokio::test]
async fn altered_row_is_found_by_verify_and_fixed_by_rebuild() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = ServiceProcess::serve(folder);
    let address = program.address;
    let carts = open_carts(address, 5).await;
    let before = documents(address, &carts).await;
    let sound = assert_exit_code(&beside(folder, address, "verify"), 0);
    assert!(sound.ends_with("no problems found\n"), "{sound}");

    // Twice: the second time the serving views are the result of a rebuild.
    for cart in [&carts[3], &carts[1]] {
        change(folder, cart);
        let found = assert_exit_code(&beside(folder, address, "verify"), 1);
        let named = format!("row_different cart {} version {}:", cart.id, cart.version);
        let lines = found.lines().filter(|line| line.starts_with("row_"));
        assert_eq!(lines.count(), 1, "{found}");
        assert!(found.contains(&named), "{found}");

        let rebuilt = assert_exit_code(&beside(folder, address, "rebuild"), 0);
        assert!(rebuilt.contains(&cart.id), "{rebuilt}");
        assert!(rebuilt.contains("; 1 of "), "{rebuilt}");
        let sound = assert_exit_code(&beside(folder, address, "verify"), 0);
        assert!(sound.ends_with("no problems found\n"), "{sound}");
        assert_eq!(documents(address, &carts).await, before);
    }

    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    assert_exit_code(&beside(folder, address, "verify"), 0);
    let alone = assert_exit_code(&beside(folder, address, "rebuild"), 0);
    assert!(alone.contains("; 0 of "), "{alone}");
    let program = ServiceProcess::serve(folder);
    assert_eq!(documents(program.address, &carts).await, before);
}

/// The files of view generations, without the companion files of SQLite.
fn generations(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("views.db."))
        .filter(|name| {
            !["-wal", "-shm", ".lock"]
                .iter()
                .any(|end| name.ends_with(end))
        })
        .collect();
    names.sort();
    names
}

/// Contract (views): A killed rebuild leaves the old generation serving.
#[tokio::test]
async fn kill_during_rebuild_keeps_the_serving_views() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = ServiceProcess::serve(folder);
    let address = program.address;
    let url = format!("http://{address}");
    let shopped = run_to_exit(command(
        folder,
        &["simulate", "--url", &url, "--carts", "400"],
    ));
    assert_exit_code(&shopped, 0);
    let carts = open_carts(address, 3).await;
    let sound = documents(address, &carts).await;
    assert_exit_code(&beside(folder, address, "rebuild"), 0);
    // This row tells the serving views from new ones. A process that changed the cart itself would
    // still show the row from its cache.
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
    change(folder, &carts[2]);
    let program = ServiceProcess::serve(folder);
    let address = program.address;
    let url = format!("http://{address}");
    let before = documents(address, &carts).await;
    assert_ne!(before, sound);

    let serving = fs::read_link(folder.join("data/views.db")).unwrap();
    let known = generations(folder);
    let asked = http_client()
        .post(format!("{url}/api/views/rebuild"))
        .send();
    assert_eq!(asked.await.unwrap().status(), 202);
    let patience = Instant::now();
    while generations(folder).iter().all(|name| known.contains(name)) {
        assert!(patience.elapsed() < PATIENCE, "a rebuild makes a file");
        std::thread::yield_now();
    }
    program.kill();
    let link = fs::read_link(folder.join("data/views.db")).unwrap();
    assert_eq!(link, serving, "it was killed before the new views served");

    let program = ServiceProcess::serve(folder);
    assert_eq!(documents(program.address, &carts).await, before);
    assert_eq!(generations(folder), [serving.to_str().unwrap()]);
    let found = assert_exit_code(&beside(folder, program.address, "verify"), 1);
    assert!(found.contains(&carts[2].id), "{found}");
    assert_exit_code(&beside(folder, program.address, "rebuild"), 0);
    assert_eq!(documents(program.address, &carts).await, sound);
    assert_exit_code(&beside(folder, program.address, "verify"), 0);
}

/// Every response that depends on the views, by request; of the funnel without the time of the
/// request.
async fn answers(address: SocketAddr, carts: &[Opened]) -> BTreeMap<String, String> {
    let mut answers = BTreeMap::new();
    for (number, document) in documents(address, carts).await.into_iter().enumerate() {
        answers.insert(format!("cart {number}"), document);
    }
    for question in [
        "events?limit=200",
        "events?limit=200&order=desc",
        "events?limit=200&type=ItemRemoved",
        "events?limit=200&sku=teapot",
        "events?limit=200&command=undo&order=desc",
        "insights/funnel",
        "insights/products?limit=5",
        "insights/hesitated?limit=5",
        "insights/pairs?limit=200",
        "insights/pairs?limit=200&sku=teapot",
        "insights/abandoned?limit=50",
        "insights/activity?step=minute",
        "views",
    ] {
        let mut cursor = String::new();
        loop {
            let path = format!("{question}{cursor}");
            let answer = http_client()
                .get(format!("http://{address}/api/{path}"))
                .send()
                .await;
            let answer = answer.unwrap();
            assert_eq!(answer.status(), 200, "{path}");
            let position = answer.headers()["log-position"]
                .to_str()
                .unwrap()
                .to_owned();
            let mut text = answer.text().await.unwrap();
            let document: Value = serde_json::from_str(&text).unwrap();
            // The signer is no view: it follows within a second.
            if let Some(signed) = document["log"]["signed_events"].as_u64() {
                text = text.replace(&format!("\"signed_events\":{signed}"), "");
            }
            if let Some(since) = document["idle_since"].as_str() {
                text = text.replace(since, "then");
            }
            cursor = match document["next"].as_str() {
                Some(next) => format!("&cursor={next}"),
                None => String::new(),
            };
            answers.insert(path, format!("{position} {text}"));
            if cursor.is_empty() {
                break;
            }
        }
    }
    answers
}

/// Alters every table of the views, bypassing the service.
fn vandalise(folder: &Path) {
    let file = Connection::open(folder.join("data/views.db")).unwrap();
    file.busy_timeout(PATIENCE).unwrap();
    file.execute_batch(
        "UPDATE carts SET document = replace(document, '\"total\":', '\"total\":7');
         DELETE FROM journal_blocks;
         DELETE FROM journal_terms WHERE term % 2;
         UPDATE journeys SET opened_at = opened_at + 1;
         UPDATE products SET revenue = revenue + 1, given_up = given_up + 3;
         DELETE FROM baskets WHERE position % 3 = 0;
         UPDATE activity SET events = events + 1;",
    )
    .unwrap();
}

/// Contract (views): Damaged, killed and rebuilt views serve the same bytes as before.
#[tokio::test]
async fn rebuild_restores_every_response_after_vandalism() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let serve = || {
        let mut serve = command(folder, &["serve"]);
        // So that there are abandoned carts.
        serve.env("CARTLOG_INSIGHTS__ABANDONED_AFTER_MINUTES", "0");
        ServiceProcess::run(serve)
    };
    let program = serve();
    let url = format!("http://{}", program.address);
    let shopped = run_to_exit(command(
        folder,
        &["simulate", "--url", &url, "--carts", "150"],
    ));
    assert_exit_code(&shopped, 0);
    until_orders_are_placed(&url).await;
    let carts = open_carts(program.address, 3).await;
    let before = answers(program.address, &carts).await;
    assert!(before.len() > 25, "{:?}", before.keys());
    vandalise(folder);
    program.kill();

    let program = serve();
    let vandalised = answers(program.address, &carts).await;
    for of in [
        "cart 0",
        "insights/products?limit=5",
        "insights/activity?step=minute",
    ] {
        assert_ne!(vandalised[of], before[of], "{of}");
    }
    program.kill();
    let rebuilt = assert_exit_code(&run_to_exit(command(folder, &["rebuild"])), 0);
    assert!(!rebuilt.contains("; 0 of "), "{rebuilt}");
    let program = serve();
    assert_eq!(answers(program.address, &carts).await, before);
    assert_exit_code(&beside(folder, program.address, "verify"), 0);
}

/// Contract (views): `verify` names rows changed by SQL; a rebuild under load repairs them, and no
/// request fails.
#[tokio::test]
async fn rebuild_under_load_fails_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = ServiceProcess::serve(folder);
    let address = program.address;
    let carts = open_carts(address, 2).await;
    let before = documents(address, &carts).await;
    let url = format!("http://{address}");
    // A query over many rows waits until the tables are written.
    let funnel = http_client()
        .get(format!("{url}/api/insights/funnel"))
        .send();
    assert_eq!(funnel.await.unwrap().status(), 200);
    let shopping = ["simulate", "--url", &url, "--carts", "800", "--rate", "200"];
    let shopping = command(folder, &shopping)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    for cart in &carts {
        change(folder, cart);
        let found = assert_exit_code(&beside(folder, address, "verify"), 1);
        assert!(found.contains(&cart.id), "{found}");
        let rebuilt = assert_exit_code(&beside(folder, address, "rebuild"), 0);
        assert!(rebuilt.contains("; 1 of "), "{rebuilt}");
        assert_eq!(documents(address, &carts).await, before);
    }
    let shopped = shopping.wait_with_output().unwrap();
    let report = assert_exit_code(&shopped, 0);
    assert!(report.contains("unexpected 0; retries 0"), "{report}");
    let sound = assert_exit_code(&beside(folder, address, "verify"), 0);
    assert!(sound.ends_with("no problems found\n"), "{sound}");
}

/// Contract (tools): `rebuild` and `verify` create nothing where there is no log.
#[test]
fn rebuild_and_verify_without_a_log_fail_and_create_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for (name, code) in [("rebuild", 1), ("verify", 2)] {
        let output = run_to_exit(command(folder.path(), &[name]));
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains("data/events.db"), "{stderr}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{name}");
    }
}
