//! More reads of long histories than the processor takes.

use crate::readers::long_cart;
use cartlog_testkit::load::http_client;
use cartlog_testkit::process::{ServiceProcess, command};
use futures_util::future::join_all;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use std::cell::Cell;

/// Clients that ask again as soon as they have an answer.
const CLIENTS: usize = 500;
/// Reads of one kind at once.
const READS: usize = 16;

/// Whether a read was admitted; otherwise it was shed as documented.
async fn is_admitted(answer: Response) -> bool {
    let status = answer.status();
    if status == 200 {
        return true;
    }
    let retry_after = answer.headers().get("retry-after").cloned();
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(status, 503, "{problem}");
    assert_eq!(problem["type"], "/problems/overloaded", "{problem}");
    assert!(retry_after.is_some(), "{problem}");
    false
}

/// Promise (load): Reads that fold histories beyond the limit are 503 `overloaded` with
/// `Retry-After`, and reads of carts are served meanwhile.
/// Fault: 500 clients send what-ifs about a cart of 9,990 events, while others read its past
/// Control: Afterwards each of these reads succeeds, in the same test.
#[tokio::test]
async fn folds_beyond_the_limit_are_shed() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = command(folder.path(), &[]);
    command.env("CARTLOG_LOG__DURABILITY", "process");
    let program = ServiceProcess::run(command);
    let (cart, token) = long_cart(&program).await;
    let client = http_client();
    let url = |path: &str| format!("http://{}{path}", program.address);
    let get = |path: &str| client.get(url(path)).bearer_auth(&token);
    let post = |path: &str, body: Value| client.post(url(path)).json(&body).bearer_auth(&token);
    let sent = async |ask: RequestBuilder| ask.send().await.unwrap();
    let share = post(&format!("{cart}/shares"), json!({ "version": 300 }));
    let share: Value = sent(share).await.json().await.unwrap();
    let shared = format!("/api/shared/{}", share["token"].as_str().unwrap());
    let mut folds: Vec<String> = [
        "?version=300",
        "?at=2100-01-01T00:00:00Z",
        "/why?version=300",
        "/timeline?limit=9",
        "/events?limit=9",
        "/notices",
    ]
    .map(|query| format!("{cart}{query}"))
    .into();
    folds.push(shared);
    let what_if = || post(&format!("{cart}/what-if"), json!({ "without": [2] }));

    let done = Cell::new(false);
    let (admitted, shed) = (Cell::new(0), Cell::new(0));
    let flood = join_all((0..CLIENTS).map(|_| async {
        while !done.get() {
            let counter = if is_admitted(sent(what_if()).await).await {
                &admitted
            } else {
                &shed
            };
            counter.set(counter.get() + 1);
        }
    }));
    let reads = async {
        for path in &folds {
            // Until the queue is full, reads are admitted.
            let mut is_shed = false;
            while !is_shed {
                let answers = join_all((0..READS).map(|_| sent(get(path)))).await;
                let results = join_all(answers.into_iter().map(is_admitted)).await;
                is_shed = results.contains(&false);
            }
            assert_eq!(sent(get(&cart)).await.status(), 200);
        }
        done.set(true);
    };
    let both = async { tokio::join!(flood, reads) };
    tokio::time::timeout(cartlog_testkit::PATIENCE * 3, both)
        .await
        .expect("each kind of read is shed");
    println!("{} what-ifs admitted, {} shed", admitted.get(), shed.get());
    assert!(admitted.get() > 0 && shed.get() > 0);
    for path in &folds {
        assert_eq!(sent(get(path)).await.status(), 200, "{path}");
    }
    assert_eq!(sent(what_if()).await.status(), 200);
}
