//! The command handler on a log with several writers and on one that fails. Each handler represents
//! a node, and a wrapper around the log injects failures.

mod nodes;

use cartlog::cart::{Cart, CartCommand, Refusal};
use cartlog::commands::{CommandError, Handled, Meter};
use cartlog::log::Version;
use futures_util::future::{FutureExt, join_all};
use nodes::{CART, Fault, Node, add, context, nodes, open, quantity, set, tea};

#[tokio::test]
async fn concurrent_commands_of_two_nodes_all_execute_once() {
    let nodes = nodes();
    let (one, other) = (nodes.node(), nodes.node());
    one.send(&open()).await.unwrap();
    let shoppers = (0..8).map(|shopper| {
        let node = if shopper % 2 == 0 { &one } else { &other };
        async move {
            let mut versions = Vec::new();
            for _ in 0..50 {
                versions.push(node.send(&add(1)).await.unwrap().version.0);
            }
            versions
        }
    });
    let mut versions: Vec<u64> = join_all(shoppers).await.into_iter().flatten().collect();
    versions.sort_unstable();
    assert_eq!(versions, (2..=401).collect::<Vec<_>>(), "one version each");
    assert_eq!(nodes.versions().await, (1..=401).collect::<Vec<_>>());
    for node in [one, other] {
        let (cart, version) = node.0.state(CART).await.unwrap();
        assert_eq!(cart.contents().unwrap().quantity(&tea().sku), 400);
        assert_eq!(version, Version(401));
    }
}

/// Contract (records): `/metrics` counts conflicts, replays, lag, streams and sizes.
#[tokio::test]
async fn lost_race_is_metered_as_one_command_and_one_retry() {
    let nodes = nodes();
    let registry = prometheus::Registry::new();
    let meter = Meter::of(CartCommand::NAMES);
    meter.register(&registry).unwrap();
    let quick = nodes.node();
    let slow = Node(nodes.node().0.counted_by(meter));
    quick.send(&open()).await.unwrap();
    slow.send(&add(1)).await.unwrap();
    quick.send(&add(1)).await.unwrap();
    slow.send(&add(1)).await.unwrap();
    nodes.fail(&[Fault::Full, Fault::NotWritten, Fault::UnknownAndWritten]);
    for _ in 0..3 {
        slow.send(&add(1)).await.unwrap_err();
    }
    // The client disconnects before the response.
    assert!(slow.send(&add(1)).now_or_never().is_none());

    let text = prometheus::TextEncoder::new();
    let text = text.encode_to_string(&registry.gather()).unwrap();
    let counted =
        |outcome| format!("cartlog_commands_total{{command=\"add_item\",outcome=\"{outcome}\"}}");
    for (sample, count) in [
        (counted("written"), 2),
        (counted("overloaded"), 1),
        (counted("not_written"), 1),
        (counted("unknown"), 1),
        (counted("abandoned"), 1),
        ("cartlog_conflicts_retried_total".to_owned(), 1),
    ] {
        let line = format!("{sample} {count}");
        assert!(text.lines().any(|other| other == line), "{line} in {text}");
    }
}

/// On a log that nodes share, a linearizable read is a round trip to the engine.
#[tokio::test]
async fn lost_race_needs_no_linearizable_read() {
    let nodes = nodes();
    let (quick, slow) = (nodes.node(), nodes.node());
    quick.send(&open()).await.unwrap();
    slow.send(&add(1)).await.unwrap();
    quick.send(&add(1)).await.unwrap();
    let before = nodes.linearizable_reads();
    let added = slow.send(&add(1)).await.unwrap();
    assert_eq!(quantity(&added), 3);
    assert_eq!(nodes.linearizable_reads(), before);

    // Unless the command is refused after all.
    quick.send(&set(0)).await.unwrap();
    let remove = CartCommand::RemoveItem { sku: tea().sku };
    slow.send(&remove).await.unwrap_err();
    assert!(nodes.linearizable_reads() > before);
}

#[tokio::test]
async fn refusal_from_stale_cache_is_confirmed_on_fresh_fold() {
    let nodes = nodes();
    let (quick, stale) = (nodes.node(), nodes.node());
    quick.send(&open()).await.unwrap();
    stale.send(&add(1)).await.unwrap();
    stale.send(&set(0)).await.unwrap();

    // The stale node has an empty cart in its cache, but the other node has added items since.
    quick.send(&add(2)).await.unwrap();
    let remove = CartCommand::RemoveItem { sku: tea().sku };
    let removed = stale.send(&remove).await.unwrap();
    assert_eq!(quantity(&removed), 0);

    // A refusal that also holds on a fresh fold is returned.
    quick.send(&add(1)).await.unwrap();
    quick.send(&remove).await.unwrap();
    let refused = stale.send(&remove).await.unwrap_err();
    assert!(matches!(
        refused,
        CommandError::Refused(Refusal::NoSuchLine { .. })
    ));
}

#[tokio::test]
async fn no_op_from_stale_cache_is_confirmed_on_fresh_fold() {
    let nodes = nodes();
    let (quick, stale) = (nodes.node(), nodes.node());
    quick.send(&open()).await.unwrap();
    stale.send(&add(2)).await.unwrap();
    quick.send(&set(5)).await.unwrap();
    let set = stale.send(&set(2)).await.unwrap();
    assert_eq!(quantity(&set), 2);
    assert!(set.position.is_some(), "an event was written");
}

#[tokio::test]
async fn condition_is_checked_against_latest_version() {
    let nodes = nodes();
    let (quick, stale) = (nodes.node(), nodes.node());
    quick.send(&open()).await.unwrap();
    stale.send(&add(1)).await.unwrap();
    quick.send(&add(1)).await.unwrap();
    assert_eq!(stale.send_at(3, &add(1)).await.unwrap().version, Version(4));
    quick.send(&add(1)).await.unwrap();
    let outcome = stale.send_at(4, &add(1)).await.unwrap_err();
    assert!(
        matches!(
            outcome,
            CommandError::VersionMismatch {
                current: Version(5)
            }
        ),
        "{outcome}"
    );
}

#[tokio::test]
async fn key_used_on_another_node_replays_its_outcome() {
    let nodes = nodes();
    let (quick, stale) = (nodes.node(), nodes.node());
    quick.send(&open()).await.unwrap();
    stale.send(&add(1)).await.unwrap();
    let first = quick.send_under("k", &add(2)).await.unwrap();
    quick.send(&add(4)).await.unwrap();
    for node in [&stale, &quick, &nodes.node()] {
        let again = node.send_under("k", &add(2)).await.unwrap();
        assert!(again.replayed);
        assert_eq!(
            (again.version, again.position),
            (first.version, first.position)
        );
        assert_eq!(again.state, first.state);
        let other = node.send_under("k", &set(1)).await.unwrap_err();
        assert!(matches!(other, CommandError::KeyReused), "{other}");
    }
    assert_eq!(nodes.versions().await.len(), 4);
}

#[tokio::test]
async fn concurrent_requests_under_one_key_execute_once() {
    let nodes = nodes();
    let (one, other) = (nodes.node(), nodes.node());
    one.send(&open()).await.unwrap();
    let command = add(3);
    let requests = (0..50).map(|number| {
        let node = if number % 2 == 0 { &one } else { &other };
        node.send_under("k", &command)
    });
    let outcomes: Vec<Handled<Cart>> = join_all(requests)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    let replayed = outcomes.iter().filter(|outcome| outcome.replayed).count();
    assert_eq!(replayed, 49);
    for outcome in outcomes {
        assert_eq!(outcome.version, Version(2));
        assert_eq!(quantity(&outcome), 3);
    }
    assert_eq!(nodes.versions().await, [1, 2]);
}

#[tokio::test]
async fn unauthorized_command_is_not_found_and_writes_nothing() {
    let nodes = nodes();
    let node = nodes.node();
    node.send(&open()).await.unwrap();
    for command in [add(1), open(), CartCommand::ClearCart, CartCommand::Undo] {
        let outcome = node
            .0
            .handle(CART, &command, &context(&command), |_| false)
            .await;
        assert!(matches!(outcome, Err(CommandError::NotFound)));
    }
    assert_eq!(nodes.versions().await, [1]);
}

/// Contract (conditions): Without `If-Match` a command is decided again after each lost race,
/// without a limit.
#[tokio::test]
async fn conflict_is_retried_and_not_returned() {
    let nodes = nodes();
    let node = nodes.node();
    node.send(&open()).await.unwrap();
    nodes.fail(&[Fault::Conflict; 200]);
    let handled = node.send(&add(1)).await.unwrap();
    assert_eq!(handled.version, Version(2));
    assert_eq!(nodes.versions().await, [1, 2]);
}

#[tokio::test]
async fn failed_write_is_reported_and_can_be_retried() {
    for (fault, overloaded) in [(Fault::NotWritten, false), (Fault::Full, true)] {
        let nodes = nodes();
        let node = nodes.node();
        node.send(&open()).await.unwrap();
        nodes.fail(&[fault]);
        match node.send_under("k", &add(1)).await {
            Err(CommandError::NotWritten(why)) => {
                assert!(!overloaded);
                assert_eq!(why, "the disk is full");
            }
            Err(CommandError::Overloaded) => assert!(overloaded),
            other => panic!("{fault:?}: {other:?}"),
        }
        assert_eq!(nodes.versions().await, [1]);
        let handled = node.send_under("k", &add(1)).await.unwrap();
        assert!(!handled.replayed);
        assert_eq!((quantity(&handled), handled.version), (1, Version(2)));
    }
}

#[tokio::test]
async fn retry_under_same_key_resolves_unknown_outcome() {
    for (fault, written) in [
        (Fault::UnknownAndWritten, true),
        (Fault::UnknownAndNotWritten, false),
    ] {
        let nodes = nodes();
        let node = nodes.node();
        node.send(&open()).await.unwrap();
        nodes.fail(&[fault]);
        let outcome = node.send_under("k", &add(1)).await;
        assert!(
            matches!(outcome, Err(CommandError::Unknown(_))),
            "{outcome:?}"
        );
        let again = node.send_under("k", &add(1)).await.unwrap();
        assert_eq!(again.replayed, written);
        assert_eq!((quantity(&again), again.version), (1, Version(2)));
        assert_eq!(nodes.versions().await, [1, 2]);
    }
}

#[tokio::test]
async fn cached_state_is_discarded_after_unknown_outcome() {
    let nodes = nodes();
    let node = nodes.node();
    node.send(&open()).await.unwrap();
    node.send(&add(1)).await.unwrap();
    nodes.fail(&[Fault::UnknownAndWritten]);
    node.send(&set(0)).await.unwrap_err();
    let remove = CartCommand::RemoveItem { sku: tea().sku };
    let refused = node.send(&remove).await.unwrap_err();
    assert!(matches!(
        refused,
        CommandError::Refused(Refusal::NoSuchLine { .. })
    ));
    assert_eq!(node.send(&add(4)).await.unwrap().version, Version(4));
}

#[tokio::test]
async fn abandoned_commands_leave_no_wrong_cached_state() {
    let nodes = nodes();
    let node = nodes.node();
    node.send(&open()).await.unwrap();
    for _ in 0..20 {
        let command = add(1);
        let mut sending = Box::pin(node.send(&command));
        // Abandoned before the response.
        assert!((&mut sending).now_or_never().is_none());
        drop(sending);
    }
    let handled = node.send(&add(100)).await.unwrap();
    let versions = nodes.versions().await;
    assert_eq!(handled.version.0, versions.len() as u64);
    assert_eq!(
        u64::from(quantity(&handled)),
        100 + versions.len() as u64 - 2
    );
}
