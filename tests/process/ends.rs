//! SIGTERM and SIGINT.

use crate::load::{Load, client, compare};
use crate::program::{Program, log_in, whole_log};
use std::time::{Duration, Instant};

#[tokio::test]
async fn told_to_stop_under_load_it_ends_well_with_everything_it_acknowledged() {
    for name in ["TERM", "INT"] {
        let folder = tempfile::tempdir().unwrap();
        let program = Program::serve(folder.path());
        let mut load = Load::start(program.address, 6, 1);
        load.acknowledged(150).await;
        let told = Instant::now();
        let ended = tokio::task::spawn_blocking(move || program.signal(name));
        let status = ended.await.unwrap();
        assert_eq!(status.code(), Some(0), "{name}");
        assert!(
            told.elapsed() < Duration::from_secs(10),
            "{:?}",
            told.elapsed()
        );
        let beside = std::fs::metadata(folder.path().join("data/events.db-wal"));
        assert_eq!(
            beside.map_or(0, |file| file.len()),
            0,
            "the log is whole in its one file"
        );
        let record = load.end().await;
        compare(&record, &whole_log(&log_in(folder.path())));
    }
}

#[tokio::test]
async fn a_live_stream_is_ended_and_does_not_hold_up_the_stop() {
    let folder = tempfile::tempdir().unwrap();
    let program = Program::serve(folder.path());
    let client = client();
    let carts = format!("http://{}/api/carts", program.address);
    let opened = client.post(&carts).send().await.unwrap();
    let cart: serde_json::Value = opened.json().await.unwrap();
    let mut stream = client
        .get(format!("{carts}/{}/events", cart["id"].as_str().unwrap()))
        .bearer_auth(cart["token"].as_str().unwrap())
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    assert!(stream.chunk().await.unwrap().is_some());
    let told = Instant::now();
    let ended = tokio::task::spawn_blocking(move || program.signal("TERM"));
    assert_eq!(stream.chunk().await.unwrap(), None);
    assert_eq!(ended.await.unwrap().code(), Some(0));
    assert!(
        told.elapsed() < Duration::from_secs(5),
        "{:?}",
        told.elapsed()
    );
}
