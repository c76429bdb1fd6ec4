//! Connections that are cut.

use super::{append_one, at, connect, settings};
use crate::adapter::{Writer, lost, stream, whole_tail};
use cartlog::log::jetstream::JetStreamSettings;
use cartlog::log::shared::SequencedOutcome;
use cartlog_testkit::nats::NatsCluster;
use cartlog_testkit::postgres::{Cut, Proxy};
use futures_util::future::join_all;

/// The settings of a node behind `proxy`.
fn behind(proxy: &Proxy, cluster: &NatsCluster) -> JetStreamSettings {
    at(vec![format!("nats://{}", proxy.address)], settings(cluster))
}

/// Promise (cluster): A commit to JetStream whose connection is cut is settled by repeating it,
/// never written twice.
/// Fault: Two nodes lose one in 25 packets of their connections, before or after the server has it.
/// Control: Neither taking a cut commit for written nor taking it for not written is right:
/// [control_cut_jetstream_commits_are_written_or_not].
#[tokio::test]
#[ignore = "needs a NATS server"]
async fn cut_jetstream_commits_are_written_once() {
    const COMMITS: usize = 40;
    let cluster = NatsCluster::start(1).await;
    let port = cluster.servers[0].port;
    let proxies = [Proxy::start(port, 1).await, Proxy::start(port, 2).await];
    let writers = proxies.iter().zip(0..).map(|(proxy, number)| {
        let settings = behind(proxy, &cluster);
        async move {
            let log = connect(settings).await;
            proxy.set(Cut::OneIn(25));
            let mut writer = Writer::on(stream(number));
            for _ in 0..COMMITS {
                writer.append(&*log).await;
            }
            writer
        }
    });
    let writers = join_all(writers).await;
    let log = whole_tail(&*connect(settings(&cluster)).await).await;
    let written = log.iter().filter(|commit| !commit.events.is_empty());
    assert_eq!(written.count(), 2 * COMMITS, "each is there once");
    for (writer, proxy) in writers.iter().zip(&proxies) {
        assert_eq!(lost(&writer.acknowledged, &log), 0);
        assert!(proxy.cuts() > 1, "{} cuts", proxy.cuts());
    }
    let repeats: usize = writers.iter().map(|writer| writer.repeats).sum();
    assert!(repeats > 0, "no commit was repeated");
}

#[tokio::test]
#[ignore = "needs a NATS server"]
async fn control_cut_jetstream_commits_are_written_or_not() {
    let cluster = NatsCluster::start(1).await;
    let proxy = Proxy::start(cluster.servers[0].port, 3).await;
    let log = connect(behind(&proxy, &cluster)).await;
    let direct = connect(settings(&cluster)).await;
    let (mut written, mut missing) = (0, 0);
    proxy.set(Cut::OneIn(4));
    for number in 0..60 {
        let outcome = append_one(&*log, stream(number)).await;
        if !matches!(outcome, SequencedOutcome::Unknown(_)) {
            continue;
        }
        // Another commit in its place tells whether the first one is there.
        match append_one(&*direct, stream(number)).await {
            SequencedOutcome::Conflict { .. } => written += 1,
            SequencedOutcome::Accepted { .. } => missing += 1,
            _ => {}
        }
        if written > 0 && missing > 0 {
            return;
        }
    }
    panic!("{written} were written, {missing} were not");
}
