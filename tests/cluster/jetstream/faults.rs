//! Servers that die, hang, are cut off or lose what they have.

use super::{append_one, connect, settings};
use crate::adapter::{Writer, lost, stream, whole_tail};
use crate::failover::Load;
use cartlog::log::jetstream::{JetStreamConnector, JetStreamSettings};
use cartlog::log::shared::{
    Sequence, SequencedOutcome, SequencerConnector, SequencerError, SharedLog, SharedLogSettings,
};
use cartlog::log::{Hash, LogReader, LogWriter, Position};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::nats::{NatsCluster, NatsServer};
use futures_util::StreamExt;
use serde_json::json;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Promise (cluster): JetStream loses no acknowledged commit and doubles none when one of three
/// servers dies, and goes on without an operator.
/// Fault: `kill -9` of the leader, of the next leader and of a follower, under load of two nodes
/// Control: A forged acknowledgement is noticed.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn killed_servers_lose_and_double_nothing() {
    let mut cluster = NatsCluster::start(3).await;
    let nodes = [
        connect(settings(&cluster)).await,
        connect(settings(&cluster)).await,
    ];
    let load = Load::start(&nodes, 1);
    load.go_on(100).await;
    for victim in ["leader", "leader", "follower"] {
        let leader = cluster.leader("cartlog").await;
        let killed = if victim == "leader" {
            leader
        } else {
            (leader + 1) % 3
        };
        cluster.servers[killed].kill();
        let paused = load.go_on(2).await;
        println!("acknowledgements paused for {paused:?} after the {victim} was killed");
        load.go_on(50).await;
        cluster.servers[killed].start();
        cluster.await_copies("cartlog").await;
    }
    let writers = load.stop().await;
    let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged.len()).sum();
    for node in &nodes {
        let log = whole_tail(&**node).await;
        let written = log
            .iter()
            .filter(|commit| !commit.events.is_empty())
            .count();
        assert_eq!(
            written, acknowledged,
            "nothing is there twice, or unacknowledged"
        );
        for writer in &writers {
            assert_eq!(lost(&writer.acknowledged, &log), 0);
        }
        let forged = (writers[0].acknowledged[0].0, Hash([1; 32]));
        assert_eq!(lost(&[forged], &log), 1);
    }
}

/// Promise (cluster): Servers without a majority acknowledge nothing, and commits go on by
/// themselves once it is back.
/// Fault: Two of three servers hang.
/// Control: Before that the same commit would be acknowledged.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn minority_of_servers_acknowledges_nothing() {
    let cluster = NatsCluster::start(3).await;
    let impatient = JetStreamSettings {
        timeout: Duration::from_secs(2),
        ..settings(&cluster)
    };
    let log = connect(impatient).await;
    let mut writer = Writer::on(stream(1));
    writer.append(&*log).await;
    let leader = cluster.leader("cartlog").await;
    let hung = [leader, (leader + 1) % 3];
    for index in hung {
        cluster.servers[index].freeze();
    }
    let outcome = append_one(&*log, stream(2)).await;
    let is_open = matches!(
        outcome,
        SequencedOutcome::Unknown(_) | SequencedOutcome::NotWritten(_)
    );
    assert!(is_open, "{outcome:?}");
    assert!(log.barrier().await.is_err());
    assert!(log.health().await.is_err());
    cluster.servers.iter().for_each(NatsServer::thaw);
    writer.append(&*log).await;
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = log.barrier().await {
        assert!(Instant::now() < deadline, "{error}");
    }
    assert_eq!(log.health().await, Ok(()));
    assert_eq!(lost(&writer.acknowledged, &whole_tail(&*log).await), 0);
}

/// Promise (cluster): A commit that one JetStream server has lost is noticed and read from another
/// one. If none has it, the tail stops before it.
/// Fault: One byte of the file of messages of one server is changed, then of all.
/// Control: An answer of that server skips the message and says nothing.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn flipped_bit_is_noticed_and_read_elsewhere() {
    const COMMITS: u64 = 60;
    let mut cluster = NatsCluster::start(3).await;
    let mut writer = Writer::on(stream(1));
    let log = connect(settings(&cluster)).await;
    for _ in 0..COMMITS {
        writer.append(&*log).await;
    }
    let (damaged, id) = writer.acknowledged[30];
    cluster.await_copies("cartlog").await;
    drop(log);
    damage(&mut cluster, 0, id).await;
    let silent = answer_without(&cluster, damaged.0).await;
    assert!(silent.contains(&(damaged.0 + 1)), "{silent:?}");
    let log = connect(settings(&cluster)).await;
    for _ in 0..10 {
        assert_eq!(lost(&writer.acknowledged, &whole_tail(&*log).await), 0);
    }
    drop(log);

    damage(&mut cluster, 1, id).await;
    damage(&mut cluster, 2, id).await;
    let log = connect(settings(&cluster)).await;
    let before = log
        .tail(Sequence(damaged.0 - 3), 100)
        .await
        .expect("the ones before it");
    assert_eq!(before.len(), 2);
    let read = log.tail(Sequence(damaged.0 - 1), 100).await;
    let Err(SequencerError::Unreadable { sequence, reason }) = read else {
        panic!("{read:?}");
    };
    assert_eq!(sequence, damaged);
    assert!(reason.contains("no server"), "{reason}");

    // A node shows what is before it, and says why it stops there.
    let folder = tempfile::tempdir().expect("a folder");
    let connector: Arc<dyn SequencerConnector> =
        Arc::new(JetStreamConnector::new(settings(&cluster)));
    let replica = SharedLogSettings::at(folder.path().join("replica.db"));
    let (node, worker) = SharedLog::open(&connector, &replica).expect("a node");
    let named = format!("the entry at sequence {damaged} is not a commit");
    let deadline = Instant::now() + PATIENCE;
    loop {
        let health = node.health().await;
        if health.as_ref().is_err_and(|reason| reason.contains(&named)) {
            break;
        }
        assert!(Instant::now() < deadline, "{health:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let shown = node.read_all(Position(0), 1_000).await.expect("events");
    assert_eq!(shown.len(), 30);
    node.close();
    worker.join();
}

/// Stops the server `index`, changes a byte of the commit `id` in its files, and starts it again.
pub(super) async fn damage(cluster: &mut NatsCluster, index: usize, id: Hash) {
    let server = &mut cluster.servers[index];
    // Not killed: a server that was checks all of its files, and copies what is damaged from
    // others.
    server.stop();
    let text = format!("\"hash\":\"{id}\"");
    let mut changed = 0;
    for path in server.message_files() {
        let mut bytes = fs::read(&path).expect("a file of messages");
        let found = bytes
            .windows(text.len())
            .position(|part| part == text.as_bytes());
        if let Some(place) = found {
            bytes[place + 9] ^= 1;
            fs::write(&path, bytes).expect("a changed file");
            changed += 1;
        }
    }
    assert_eq!(changed, 1, "files with the commit");
    server.start();
    cluster.await_copies("cartlog").await;
}

/// The sequences of the whole stream in an answer that lacks `sequence`: the servers let any copy
/// answer, whatever server was asked.
pub(super) async fn answer_without(cluster: &NatsCluster, sequence: u64) -> Vec<u64> {
    let client = cluster.client(None).await;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match sequences(&client).await {
            Some(found) if !found.contains(&sequence) => return found,
            _ => assert!(Instant::now() < deadline, "every copy has {sequence}"),
        }
    }
}

async fn sequences(client: &async_nats::Client) -> Option<Vec<u64>> {
    let inbox = client.new_inbox();
    let mut answers = client.subscribe(inbox.clone()).await.ok()?;
    let request = json!({ "seq": 1, "batch": 1_000, "next_by_subj": ">" }).to_string();
    let subject = "$JS.API.DIRECT.GET.cartlog";
    let sent = client.publish_with_reply(subject, inbox, request.into());
    sent.await.ok()?;
    let mut found = Vec::new();
    loop {
        let answer = tokio::time::timeout(PATIENCE, answers.next())
            .await
            .ok()??;
        match answer.status.map(|status| status.as_u16()) {
            Some(204) => return Some(found),
            Some(_) => return None,
            None => {}
        }
        let sequence = answer.headers?.get("Nats-Sequence")?.as_str().parse();
        found.push(sequence.ok()?);
    }
}

/// Promise (cluster): A stream that was deleted and created again is not taken for the log.
/// Fault: The stream is deleted, and another node creates it again.
/// Control: Before that the same node is healthy and reads.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn recreated_stream_is_not_followed() {
    let cluster = NatsCluster::start(1).await;
    let log = connect(settings(&cluster)).await;
    let mut writer = Writer::on(stream(1));
    for _ in 0..5 {
        writer.append(&*log).await;
    }
    assert_eq!(lost(&writer.acknowledged, &whole_tail(&*log).await), 0);
    let deleted = cluster.api("STREAM.DELETE.cartlog", &json!({})).await;
    assert_eq!(deleted["success"], true, "{deleted}");
    let other = connect(settings(&cluster)).await;
    assert_ne!(other.identity(), log.identity());
    let deadline = Instant::now() + PATIENCE;
    // As a node follows: from the last commit that it has. Either it is not there any more, or the
    // other stream is named.
    loop {
        match log.tail(Sequence(writer.acknowledged[4].0.0 - 1), 10).await {
            Ok(read) => {
                assert!(read.is_empty(), "{read:?}");
                return;
            }
            Err(error) => {
                let is_named = error.to_string().contains("deleted and created again");
                assert!(is_named || Instant::now() < deadline, "{error}");
                if is_named {
                    return;
                }
            }
        }
    }
}
