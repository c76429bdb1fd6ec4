//! SIGHUP reloads the catalogue.

use cartlog_testkit::PATIENCE;
use cartlog_testkit::load::http_client;
use cartlog_testkit::process::{ServiceProcess, command};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

fn products(price: u32) -> String {
    format!(
        "currency = \"EUR\"\n[[product]]\nsku = \"tea\"\nname = \"Tea\"\ncategory = \"Tea\"\n\
         price = {price}\n"
    )
}

/// The price of the product, and the catalogue's `ETag`.
async fn price(address: SocketAddr) -> (Value, String) {
    let answer = http_client().get(format!("http://{address}/api/products"));
    let answer = answer.send().await.unwrap();
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let page: Value = answer.json().await.unwrap();
    (page["items"][0]["price"].clone(), tag)
}

/// Waits until the service has logged `text` `times` times.
fn wait_for_log(path: &Path, text: &str, times: usize) -> String {
    let started = Instant::now();
    loop {
        let log = fs::read_to_string(path).unwrap();
        if log.matches(text).count() >= times {
            return log;
        }
        assert!(started.elapsed() < PATIENCE, "{text} is not logged: {log}");
        std::thread::yield_now();
    }
}

/// Contract (service): SIGHUP reloads products and promotions; invalid files are logged, and the
/// previous catalogue stays in use.
#[tokio::test]
async fn sighup_reloads_the_catalogue_and_never_ends_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let (file, log) = (
        folder.path().join("products.toml"),
        folder.path().join("stderr"),
    );
    fs::write(&file, products(100)).unwrap();
    let mut serve = command(folder.path(), &["serve"]);
    serve
        .env("CARTLOG_CATALOGUE__PRODUCTS", "products.toml")
        .env("CARTLOG_LOGGING__LEVEL", "info")
        .stderr(File::create(&log).unwrap());
    let program = ServiceProcess::run(serve);
    let carts = format!("http://{}/api/carts", program.address);
    let tea = json!({ "items": [{ "sku": "tea", "quantity": 1 }] });
    let total = async || {
        let opened = http_client().post(&carts).json(&tea).send().await.unwrap();
        opened.json::<Value>().await.unwrap()["total"].clone()
    };
    let (before, first_tag) = price(program.address).await;
    assert_eq!((before, total().await), (json!(100), json!(100)));

    fs::write(&file, products(250)).unwrap();
    program.send_signal("HUP");
    let logged = wait_for_log(&log, "catalogue reloaded", 1);
    assert!(logged.contains("1 changed (tea)"), "{logged}");
    let (after, second_tag) = price(program.address).await;
    assert_eq!((after, total().await), (json!(250), json!(250)));
    assert_ne!(second_tag, first_tag);

    fs::write(&file, products(250).replace("price", "prize")).unwrap();
    program.send_signal("HUP");
    let logged = wait_for_log(&log, "catalogue not reloaded", 1);
    assert!(logged.contains("products.toml, line 6"), "{logged}");
    assert_eq!(price(program.address).await, (json!(250), second_tag));
    fs::remove_file(&file).unwrap();
    program.send_signal("HUP");
    wait_for_log(&log, "catalogue not reloaded", 2);
    assert_eq!(total().await, 250);

    // Signals that arrive together may be taken as one; none of them ends the process.
    for _ in 0..50 {
        program.send_signal("HUP");
    }
    assert_eq!(total().await, 250);
    program.send_signal("HUP");
    assert_eq!(program.exit_on_signal("TERM").code(), Some(0));
}
