//! The adapter without a node around it: settings, and commits to append.

use cartlog::log::postgres::{PostgresConnector, PostgresSettings};
use cartlog::log::shared::{
    Sequence, SequencedCommit, SequencedOutcome, Sequencer, SequencerConnector,
};
use cartlog::log::{Commit, Hash, Head, NewEvent};
use cartlog::timestamp::Timestamp;
use cartlog_testkit::PATIENCE;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

pub fn settings(url: &str) -> PostgresSettings {
    PostgresSettings {
        url: url.to_owned(),
        password_file: None,
        listen_url: None,
        schema: "cartlog".to_owned(),
        root_certificates: None,
        connect_timeout: Duration::from_secs(3),
        timeout: Duration::from_secs(10),
    }
}

/// Connects to the log at `url` and creates it at first.
pub async fn connect(url: &str) -> Arc<dyn Sequencer> {
    let connector = PostgresConnector::new(settings(url));
    connector.connect().await.expect("a log")
}

/// The one-line reason why there is no connection.
pub async fn refusal(settings: PostgresSettings) -> String {
    let connector = PostgresConnector::new(settings);
    let Err(error) = connector.connect().await else {
        panic!("a connection");
    };
    let text = error.to_string();
    assert!(!text.contains('\n'), "{text}");
    assert!(
        !text.contains(cartlog_testkit::postgres::PASSWORD),
        "{text}"
    );
    text
}

pub fn stream(number: u128) -> Uuid {
    Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + number)
}

/// A commit of `count` events at `head`, and the end of the stream after it.
pub fn commit(stream: Uuid, head: Head, count: u64) -> (Commit, Head) {
    let events = (1..=count).map(|number| NewEvent {
        name: "Happened".into(),
        schema: 1,
        data: format!(
            r#"{{"number":{}, "text":"ü “x” \u0000","nested":{{ "b":1,"a":1.0}}}}"#,
            head.version.0 + number
        ),
    });
    let metadata = format!(
        r#"{{"command":"test","command_id":"{}","of":{count}}}"#,
        Uuid::now_v7()
    );
    let commit = Commit::new(stream, head, Timestamp::now(), metadata, events.collect());
    let end = Head::at(commit.events().last().expect("events"));
    (commit, end)
}

/// Appends commits to one stream, one after the other, repeating each until its outcome is known.
pub struct Writer {
    stream: Uuid,
    head: Head,
    /// The sequence and the id of each acknowledged commit.
    pub acknowledged: Vec<(Sequence, Hash)>,
    /// How often an outcome was unknown, or nothing was written.
    pub repeats: usize,
}

impl Writer {
    pub fn on(stream: Uuid) -> Writer {
        Writer {
            stream,
            head: Head::START,
            acknowledged: Vec::new(),
            repeats: 0,
        }
    }

    pub fn head(&self) -> Head {
        self.head
    }

    /// Appends one commit. Panics if it is in conflict: the stream has no other writer.
    pub async fn append(&mut self, log: &dyn Sequencer) {
        let (next, end) = commit(self.stream, self.head, 1);
        let group = [next];
        let deadline = Instant::now() + 3 * PATIENCE;
        let repeats = self.repeats;
        loop {
            match log.append(&group).await.remove(0) {
                SequencedOutcome::Accepted { sequence, .. } => {
                    self.head = end;
                    self.acknowledged.push((sequence, end.hash));
                    return;
                }
                SequencedOutcome::Conflict { through } => {
                    // An engine need not recognize a repeated commit: then it is in conflict with
                    // its own first attempt, which a node finds in its replica.
                    if self.repeats > repeats && id_at(log, through).await == Some(end.hash) {
                        self.head = end;
                        self.acknowledged.push((through, end.hash));
                        return;
                    }
                    panic!("{:?} is in conflict with {through}", self.head.version)
                }
                SequencedOutcome::NotWritten(reason) | SequencedOutcome::Unknown(reason) => {
                    assert!(Instant::now() < deadline, "no outcome: {reason}");
                    self.repeats += 1;
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        }
    }
}

/// The id of the commit at `sequence`, once the engine answers.
async fn id_at(log: &dyn Sequencer, sequence: Sequence) -> Option<Hash> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match log.tail(Sequence(sequence.0 - 1), 1).await {
            Ok(found) => return found.first().and_then(SequencedCommit::id),
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

/// Every commit in the log. Panics if it has a gap, or if a hash does not fit.
pub async fn whole_tail(log: &dyn Sequencer) -> Vec<SequencedCommit> {
    let mut commits: Vec<SequencedCommit> = Vec::new();
    let mut previous = Hash::ZERO;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let after = Sequence(commits.len() as u64);
        match log.tail(after, 1_000).await {
            Ok(page) if page.is_empty() => return commits,
            Ok(page) => {
                for commit in page {
                    assert_eq!(commit.sequence.0, commits.len() as u64 + 1);
                    assert!(commit.follows(previous), "{:?}", commit.sequence);
                    previous = commit.history.hash();
                    commits.push(commit);
                }
            }
            Err(error) => assert!(Instant::now() < deadline, "{error}"),
        }
    }
}

/// How many of the acknowledged commits the log does not have at their sequence.
pub fn lost(acknowledged: &[(Sequence, Hash)], log: &[SequencedCommit]) -> usize {
    let has = |(sequence, id): &&(Sequence, Hash)| {
        let found = log.get(sequence.0 as usize - 1);
        found.is_none_or(|commit| commit.id() != Some(*id))
    };
    acknowledged.iter().filter(has).count()
}
