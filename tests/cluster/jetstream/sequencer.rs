//! The adapter alone, against real servers.

use super::{append_one, connect, settings};
use crate::adapter::{Writer, commit, lost, stream, whole_tail};
use cartlog::log::shared::{Sequence, SequencedOutcome, Sequencer};
use cartlog::log::{Commit, Head, NewEvent};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::PATIENCE;
use cartlog_testkit::nats::NatsCluster;
use serde_json::Value;
use tokio::time::timeout;

/// The sequence of an accepted commit, or the one that a commit is in conflict with.
async fn append(log: &dyn Sequencer, group: &[Commit]) -> Vec<Result<u64, u64>> {
    let outcomes = log.append(group).await;
    assert_eq!(outcomes.len(), group.len());
    let short = outcomes.into_iter().map(|outcome| match outcome {
        SequencedOutcome::Accepted { sequence, .. } => Ok(sequence.0),
        SequencedOutcome::Conflict { through } => Err(through.0),
        other => panic!("{other:?}"),
    });
    short.collect()
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn append_accepts_by_version_and_recognizes_repeats() {
    let cluster = NatsCluster::start(3).await;
    let log = connect(settings(&cluster)).await;
    let (first, head) = commit(stream(1), Head::START, 2);
    let (second, end) = commit(stream(1), head, 1);
    let (rival, _) = commit(stream(1), head, 1);
    let (far, _) = commit(stream(2), head, 1);
    let (other, _) = commit(stream(2), Head::START, 3);
    // Later commits of a group see what earlier ones wrote.
    let group = [first.clone(), second, rival, far, other];
    let outcomes = append(&*log, &group).await;
    let [Ok(one), Ok(two), Err(through), Err(_), Ok(three)] = outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(through, two);
    // The same commit again, beside one that is new, and at another node.
    let node = connect(settings(&cluster)).await;
    assert_eq!(node.identity(), log.identity());
    let (next, _) = commit(stream(1), end, 1);
    let outcomes = append(&*node, &[first, next]).await;
    let [Ok(repeated), Ok(four)] = outcomes[..] else {
        panic!("{outcomes:?}");
    };
    assert_eq!(repeated, one);
    let barrier = log.barrier().await.expect("a barrier");
    assert!(barrier.0 > four);

    // Both read the same, byte for byte, and every sequence once.
    let commits = whole_tail(&*log).await;
    assert_eq!(whole_tail(&*node).await[..commits.len()], commits[..]);
    for (sequence, appended) in [(one, &group[0]), (two, &group[1]), (three, &group[4])] {
        assert_eq!(commits[sequence as usize - 1].events, appended.events());
    }
    let page = log.tail(Sequence(1), 2).await.expect("a page");
    assert_eq!(page, commits[1..3]);
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn racing_nodes_get_dense_sequences() {
    const STREAMS: u128 = 8;
    let cluster = NatsCluster::start(3).await;
    let nodes = [
        connect(settings(&cluster)).await,
        connect(settings(&cluster)).await,
    ];
    // Both append to the same streams: of two commits at one version exactly one is accepted.
    let mut heads = [Head::START; STREAMS as usize];
    let mut accepted = 0;
    for round in 0..15 {
        let rivals = [0, 1].map(|_| -> (Vec<Commit>, Vec<Head>) {
            let commits = heads
                .iter()
                .zip(0..)
                .map(|(head, number)| commit(stream(number), *head, 1));
            commits.unzip()
        });
        let [one, other] = [0, 1].map(|node: usize| append(&*nodes[node], &rivals[node].0));
        let (one, other) = tokio::join!(one, other);
        for place in 0..heads.len() {
            heads[place] = match (one[place], other[place]) {
                (Ok(_), Err(_)) => rivals[0].1[place],
                (Err(_), Ok(_)) => rivals[1].1[place],
                both => panic!("{round}: {both:?}"),
            };
            accepted += 1;
        }
    }
    let commits = whole_tail(&*nodes[0]).await;
    let written = commits.iter().filter(|commit| !commit.events.is_empty());
    assert_eq!(written.count(), accepted);
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn commit_of_another_node_is_announced() {
    let cluster = NatsCluster::start(1).await;
    let (writer, reader) = (
        connect(settings(&cluster)).await,
        connect(settings(&cluster)).await,
    );
    let mut own = Writer::on(stream(1));
    // The first may come before the reader has subscribed; the others are announced.
    own.append(&*writer).await;
    let mut missed = 0;
    for _ in 0..20 {
        own.append(&*writer).await;
        let (sequence, _) = own.acknowledged[own.acknowledged.len() - 1];
        let news = reader.news(Sequence(sequence.0 - 1));
        missed += usize::from(timeout(PATIENCE / 4, news).await.is_err());
    }
    assert!(missed <= 1, "{missed} were not announced");
    assert_eq!(lost(&own.acknowledged, &whole_tail(&*reader).await), 0);
}

/// A commit that no server would accept is refused at once, with the sizes.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn too_large_commit_is_not_written() {
    let cluster = NatsCluster::start(1).await;
    let log = connect(settings(&cluster)).await;
    let event = |length: usize| NewEvent {
        name: "Happened".into(),
        schema: 1,
        data: format!(r#"{{"text":"{}"}}"#, "x".repeat(length)),
    };
    let sized = |length| {
        let events = vec![event(length)];
        Commit::new(
            stream(1),
            Head::START,
            Timestamp::now(),
            "{}".to_owned(),
            events,
        )
    };
    let outcome = log.append(&[sized(1 << 20)]).await.remove(0);
    let SequencedOutcome::NotWritten(reason) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("1048576 (max_payload)"), "{reason}");
    let outcome = log.append(&[sized(1_000_000)]).await.remove(0);
    assert!(
        matches!(outcome, SequencedOutcome::Accepted { .. }),
        "{outcome:?}"
    );
}

/// What the servers answer to a wrong expected sequence: error 10071 with the actual one, or 10164
/// while another message of the subject is in flight, which is not a conflict.
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn conflict_is_error_10071_and_not_10164() {
    let cluster = NatsCluster::start(3).await;
    let log = connect(settings(&cluster)).await;
    let SequencedOutcome::Accepted { sequence, .. } = append_one(&*log, stream(1)).await else {
        panic!("not accepted");
    };
    let client = cluster.client(None).await;
    let expecting = async |subject: String, sequence: &str| -> Value {
        let mut headers = async_nats::HeaderMap::new();
        headers.insert("Nats-Expected-Last-Subject-Sequence", sequence);
        let answer = client.request_with_headers(subject, headers, "{}".into());
        serde_json::from_slice(&answer.await.expect("an answer").payload).expect("JSON")
    };
    let answer = expecting(format!("shop.carts.{}", stream(1)), "0").await;
    assert_eq!(answer["error"]["err_code"], 10_071, "{answer}");
    let outcome = append_one(&*log, stream(1)).await;
    assert_eq!(outcome, SequencedOutcome::Conflict { through: sequence });

    // Provoked by a wrong sequence right behind a message of the same subject; a conflict of the
    // adapter is settled all the same, although its first answers may be 10164.
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let tick = || "shop.carts.tick".to_owned();
        let stored = client.request(tick(), "a tick".into());
        let (_, answer) = tokio::join!(stored, expecting(tick(), "999999"));
        if answer["error"]["err_code"] == 10_164 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{answer}");
    }
    let node = connect(settings(&cluster)).await;
    for number in 10..60 {
        let rivals = tokio::join!(
            append_one(&*log, stream(number)),
            append_one(&*node, stream(number))
        );
        let is_settled = matches!(
            rivals,
            (SequencedOutcome::Accepted { sequence, .. }, SequencedOutcome::Conflict { through })
            | (SequencedOutcome::Conflict { through }, SequencedOutcome::Accepted { sequence, .. })
            if sequence == through
        );
        assert!(is_settled, "{rivals:?}");
    }
}
