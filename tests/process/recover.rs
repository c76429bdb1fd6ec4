//! `cartlog verify` and `cartlog rebuild` beside the program that serves.

use crate::load::client;
use crate::program::{PATIENCE, Program, command, run};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;
use std::time::Instant;

/// A cart, and how it is asked for.
struct Opened {
    id: String,
    token: String,
    version: u64,
}

impl Opened {
    /// What a `GET` answers, from the view.
    async fn document(&self, address: SocketAddr) -> String {
        let url = format!(
            "http://{address}/api/carts/{}?min_version={}",
            self.id, self.version
        );
        let answer = client().get(url).bearer_auth(&self.token).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), 200);
        answer.text().await.unwrap()
    }
}

/// Opens `count` carts; the one at place n is at version n + 2 at the least.
async fn open_carts(address: SocketAddr, count: u64) -> Vec<Opened> {
    let client = client();
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
    opened
}

async fn documents(address: SocketAddr, carts: &[Opened]) -> Vec<String> {
    let asked = carts.iter().map(|cart| cart.document(address));
    futures_util::future::join_all(asked).await
}

/// Changes the total in the row of `cart`, past the service.
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

/// Runs the program beside the service at `address`, and says how it ended.
fn beside(folder: &Path, address: SocketAddr, name: &str) -> Output {
    let mut command = command(folder, &[name]);
    command.env("CARTLOG_SERVER__BIND", address.to_string());
    run(command)
}

/// It has ended with `code`; what it has printed.
#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test]
async fn a_row_that_was_changed_beside_the_service_is_named_and_a_rebuild_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = Program::serve(folder);
    let address = program.address;
    let carts = open_carts(address, 5).await;
    let before = documents(address, &carts).await;
    let sound = ended(&beside(folder, address, "verify"), 0);
    assert!(sound.ends_with("sound: nothing was found\n"), "{sound}");

    // Twice: the second time the views that serve are themselves the outcome of a rebuild.
    for cart in [&carts[3], &carts[1]] {
        change(folder, cart);
        let found = ended(&beside(folder, address, "verify"), 1);
        let named = format!("row_different cart {} version {}:", cart.id, cart.version);
        let lines = found.lines().filter(|line| line.starts_with("row_"));
        assert_eq!(lines.count(), 1, "{found}");
        assert!(found.contains(&named), "{found}");

        let rebuilt = ended(&beside(folder, address, "rebuild"), 0);
        assert!(rebuilt.contains(&cart.id), "{rebuilt}");
        assert!(rebuilt.ends_with(", 1 differed\n"), "{rebuilt}");
        let sound = ended(&beside(folder, address, "verify"), 0);
        assert!(sound.ends_with("sound: nothing was found\n"), "{sound}");
        assert_eq!(documents(address, &carts).await, before);
    }

    assert_eq!(program.signal("TERM").code(), Some(0));
    ended(&beside(folder, address, "verify"), 0);
    let alone = ended(&beside(folder, address, "rebuild"), 0);
    assert!(alone.ends_with(", 0 differed\n"), "{alone}");
    let program = Program::serve(folder);
    assert_eq!(documents(program.address, &carts).await, before);
}

/// The files of generations of the views, without what SQLite keeps beside them.
fn generations(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("views.db."))
        .filter(|name| !name.ends_with("-wal") && !name.ends_with("-shm"))
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_service_that_is_killed_during_a_rebuild_comes_back_with_the_views_that_served() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let program = Program::serve(folder);
    let address = program.address;
    let url = format!("http://{address}");
    let shopped = run(command(
        folder,
        &["simulate", "--url", &url, "--carts", "400"],
    ));
    ended(&shopped, 0);
    let carts = open_carts(address, 3).await;
    let sound = documents(address, &carts).await;
    ended(&beside(folder, address, "rebuild"), 0);
    // By this row the views that served are known from new ones. A process that has moved the cart
    // itself would still show what it remembers.
    assert_eq!(program.signal("TERM").code(), Some(0));
    change(folder, &carts[2]);
    let program = Program::serve(folder);
    let address = program.address;
    let url = format!("http://{address}");
    let before = documents(address, &carts).await;
    assert_ne!(before, sound);

    let serving = fs::read_link(folder.join("data/views.db")).unwrap();
    let known = generations(folder);
    let asked = client().post(format!("{url}/api/views/rebuild")).send();
    assert_eq!(asked.await.unwrap().status(), 202);
    let patience = Instant::now();
    while generations(folder).iter().all(|name| known.contains(name)) {
        assert!(patience.elapsed() < PATIENCE, "a rebuild makes a file");
        std::thread::yield_now();
    }
    program.kill();
    let link = fs::read_link(folder.join("data/views.db")).unwrap();
    assert_eq!(link, serving, "it was killed before the new views served");

    let program = Program::serve(folder);
    assert_eq!(documents(program.address, &carts).await, before);
    assert_eq!(generations(folder), [serving.to_str().unwrap()]);
    let found = ended(&beside(folder, program.address, "verify"), 1);
    assert!(found.contains(&carts[2].id), "{found}");
    ended(&beside(folder, program.address, "rebuild"), 0);
    assert_eq!(documents(program.address, &carts).await, sound);
    ended(&beside(folder, program.address, "verify"), 0);
}
