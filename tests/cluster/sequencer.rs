//! The adapter alone, against real servers.

use crate::adapter::{commit, connect, stream};
use cartlog::log::shared::{HistoryHash, Sequence, SequencedOutcome, Sequencer, chained};
use cartlog::log::{Commit, Hash, Head};
use cartlog_testkit::PATIENCE;
use cartlog_testkit::postgres::{Cluster, Replication};
use tokio::time::timeout;

/// The outcome of a commit: its sequence, or the sequence that it is in conflict with.
type Short = Result<u64, u64>;

async fn append(log: &dyn Sequencer, group: &[Commit]) -> Vec<Short> {
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
#[ignore = "needs PostgreSQL"]
async fn append_accepts_by_version_and_recognizes_repeats() {
    let cluster = Cluster::start(Replication::Quorum).await;
    let log = connect(&cluster.url()).await;
    assert_eq!(log.barrier().await, Ok(Sequence(0)));
    let (first, head) = commit(stream(1), Head::START, 2);
    let (second, end) = commit(stream(1), head, 1);
    let (rival, _) = commit(stream(1), head, 1);
    let (far, _) = commit(stream(2), head, 1);
    let (other, _) = commit(stream(2), Head::START, 3);
    // Later commits of a group see what earlier ones wrote.
    let group = [first.clone(), second, rival, far, other];
    let outcomes = append(&*log, &group).await;
    assert_eq!(outcomes, [Ok(1), Ok(2), Err(2), Err(3), Ok(3)]);
    // The same commit again, beside one that is new, and at another node.
    let node = connect(&cluster.url()).await;
    assert_eq!(node.identity(), log.identity());
    let (next, _) = commit(stream(1), end, 1);
    assert_eq!(append(&*node, &[first, next]).await, [Ok(1), Ok(4)]);
    assert_eq!(log.barrier().await, Ok(Sequence(4)));

    // Both read the same, byte for byte.
    let commits = log.tail(Sequence(0), 100).await.unwrap();
    assert_eq!(node.tail(Sequence(0), 100).await.unwrap(), commits);
    assert_eq!(commits.len(), 4);
    let mut chain = Hash::ZERO;
    for (commit, appended) in commits.iter().zip([&group[0], &group[1], &group[4]]) {
        assert_eq!(commit.events, appended.events());
        chain = chained(chain, commit.id());
        assert_eq!(commit.history, HistoryHash::Rolling(chain));
    }
    let page = log.tail(Sequence(1), 2).await.unwrap();
    assert_eq!(page, commits[1..3]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn version_of_another_history_is_in_conflict() {
    let cluster = Cluster::start(Replication::None).await;
    let log = connect(&cluster.url()).await;
    let (first, _) = commit(stream(1), Head::START, 1);
    let (lost, head) = commit(stream(1), Head::START, 1);
    assert_eq!(append(&*log, &[first]).await, [Ok(1)]);
    // As a node would that has seen a commit that a failover lost: same version, other event.
    let (next, _) = commit(stream(1), head, 1);
    assert_eq!(append(&*log, &[lost, next]).await, [Err(1), Err(1)]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn racing_nodes_get_dense_sequences() {
    const COMMITS: usize = 400;
    let cluster = Cluster::start(Replication::Quorum).await;
    let nodes = [connect(&cluster.url()).await, connect(&cluster.url()).await];
    let work = nodes.iter().enumerate().map(|(node, log)| async move {
        let mut heads = [Head::START; 8];
        let mut accepted = 0;
        for round in 0..COMMITS / 8 {
            let (group, ends): (Vec<_>, Vec<_>) = heads
                .iter()
                .enumerate()
                .map(|(number, head)| commit(stream((node * 8 + number) as u128), *head, 1))
                .unzip();
            for (number, outcome) in append(&**log, &group).await.iter().enumerate() {
                assert!(outcome.is_ok(), "{round}: {outcome:?}");
                heads[number] = ends[number];
                accepted += 1;
            }
        }
        accepted
    });
    let accepted: Vec<usize> = futures_util::future::join_all(work).await;
    assert_eq!(accepted, [COMMITS, COMMITS]);
    let commits = nodes[0].tail(Sequence(0), 10_000).await.unwrap();
    let sequences: Vec<u64> = commits.iter().map(|commit| commit.sequence.0).collect();
    assert_eq!(sequences, (1..=2 * COMMITS as u64).collect::<Vec<_>>());
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn commit_of_another_node_is_announced() {
    let cluster = Cluster::start(Replication::None).await;
    let (writer, reader) = (connect(&cluster.url()).await, connect(&cluster.url()).await);
    let mut head = Head::START;
    let mut after = Sequence(0);
    // The first may come before the listening connection is there; the others are announced.
    for number in 1..=20 {
        let (next, end) = commit(stream(1), head, 1);
        assert_eq!(append(&*writer, &[next]).await, [Ok(number)]);
        head = end;
        let reached = timeout(PATIENCE / 4, reader.news(after)).await;
        match reached {
            Ok(reached) => assert!(reached > after),
            Err(_) => assert!(number == 1, "no news of {number}"),
        }
        after = Sequence(number);
    }
}
