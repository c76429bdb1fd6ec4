//! A load generator that records what was acknowledged, by the idempotency keys of its commands,
//! and checks the record against the log and against the service.

use crate::PATIENCE;
use crate::log_file::StoredLog;
use crate::seed::Dice;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A command under an idempotency key, which can be sent again.
#[derive(Debug, Clone)]
pub struct KeyedCommand {
    pub key: String,
    path: String,
    token: Option<String>,
    pub body: Value,
}

/// The response to a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandReply {
    pub status: u16,
    pub body: Value,
    pub replayed: bool,
    pub retry_after: bool,
    pub version: u64,
}

impl CommandReply {
    pub fn is_ok(&self) -> bool {
        self.status < 300
    }

    fn cart(&self) -> String {
        self.body["id"].as_str().expect("a cart").to_owned()
    }
}

/// The commands that were acknowledged, and those that were sent and got no response.
#[derive(Debug, Clone, Default)]
pub struct CommandRecord {
    pub acknowledged: Vec<(KeyedCommand, CommandReply)>,
    pub unanswered: Vec<KeyedCommand>,
}

impl CommandRecord {
    /// Adds the commands of `other`.
    pub fn extend(&mut self, other: CommandRecord) {
        self.acknowledged.extend(other.acknowledged);
        self.unanswered.extend(other.unanswered);
    }
}

impl KeyedCommand {
    /// Opens a cart under [`opening_key`] of `name`.
    pub fn open_cart(name: &str) -> KeyedCommand {
        KeyedCommand {
            key: opening_key(name),
            path: "/api/carts".into(),
            token: None,
            body: json!({ "items": [{ "sku": "teapot", "quantity": 1 }] }),
        }
    }

    pub fn add_item(key: String, opened: &CommandReply, sku: &str) -> KeyedCommand {
        KeyedCommand {
            key,
            path: format!("/api/carts/{}/items", opened.cart()),
            token: opened.body["token"].as_str().map(str::to_owned),
            body: json!({ "sku": sku, "quantity": 1 }),
        }
    }

    /// Sends the command; `None` if the connection ended before the whole response was there.
    pub async fn send(
        &self,
        client: &reqwest::Client,
        address: SocketAddr,
    ) -> Option<CommandReply> {
        let url = format!("http://{address}{}", self.path);
        let mut request = client
            .post(url)
            .header("idempotency-key", &self.key)
            .json(&self.body);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let headers: HeaderMap = response.headers().clone();
        let body: Value = response.json().await.ok()?;
        let version = headers.get("etag").map_or(0, |tag| {
            let tag = tag.to_str().expect("a tag of text");
            tag.trim_matches('"').parse().expect("a version")
        });
        Some(CommandReply {
            status,
            body,
            replayed: headers.contains_key("idempotent-replayed"),
            retry_after: headers.contains_key("retry-after"),
            version,
        })
    }
}

/// An idempotency key for opening a cart, where the service refuses plain words: the same for the
/// same `name`.
pub fn opening_key(name: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(name).into();
    hex::encode(&digest[..16])
}

pub fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .expect("a client")
}

/// `GET /readyz`: the status and the document.
pub async fn readiness(address: SocketAddr) -> (u16, Value) {
    let url = format!("http://{address}/readyz");
    let response = http_client().get(url).send().await.expect("a response");
    let status = response.status().as_u16();
    (status, response.json().await.expect("a document"))
}

/// Concurrent shoppers, each filling carts until the service is gone or refuses a command.
pub struct LoadGenerator {
    record: Arc<Mutex<CommandRecord>>,
    count: watch::Receiver<usize>,
    stopping: Arc<AtomicBool>,
    shoppers: JoinSet<()>,
}

impl LoadGenerator {
    /// Starts `shoppers` against the service at `address`; `round` makes their keys unique.
    pub fn start(address: SocketAddr, shoppers: u64, round: u64) -> LoadGenerator {
        let record: Arc<Mutex<CommandRecord>> = Arc::default();
        let (counter, count) = watch::channel(0);
        let stopping: Arc<AtomicBool> = Arc::default();
        let mut tasks = JoinSet::new();
        for shopper in 0..shoppers {
            let record = record.clone();
            let counter = counter.clone();
            let stopping = stopping.clone();
            let mut dice = Dice(round * 1_000 + shopper);
            tasks.spawn(async move {
                let client = http_client();
                let mut cart = None;
                for number in 0.. {
                    if stopping.load(Ordering::Relaxed) {
                        return;
                    }
                    let key = format!("{round}-{shopper}-{number}");
                    let opened: Option<&CommandReply> = cart.as_ref();
                    let sent = match opened {
                        Some(opened) if dice.below(8) > 0 => {
                            let sku = ["teapot", "sencha", "notebook"][dice.below(3)];
                            KeyedCommand::add_item(key, opened, sku)
                        }
                        Some(_) | None => KeyedCommand::open_cart(&key),
                    };
                    let answered = sent.send(&client, address).await;
                    let expected =
                        |answered: &CommandReply| answered.is_ok() || answered.status == 503;
                    assert!(
                        answered.as_ref().is_none_or(expected),
                        "{sent:?}: {answered:?}"
                    );
                    let mut record = record.lock().expect("a record");
                    let Some(answered) = answered.filter(CommandReply::is_ok) else {
                        record.unanswered.push(sent);
                        return;
                    };
                    if sent.token.is_none() {
                        cart = Some(answered.clone());
                    }
                    record.acknowledged.push((sent, answered));
                    counter.send_replace(record.acknowledged.len());
                }
            });
        }
        LoadGenerator {
            record,
            count,
            stopping,
            shoppers: tasks,
        }
    }

    /// The number of acknowledged commands.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until `count` commands were acknowledged.
    pub async fn acknowledged(&mut self, count: usize) {
        let reached = self.count.wait_for(|acknowledged| *acknowledged >= count);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("acknowledgements in time")
            .expect("running shoppers");
    }

    /// Stops each shopper after its current command.
    pub async fn stop(self) -> CommandRecord {
        self.stopping.store(true, Ordering::Relaxed);
        self.end().await
    }

    /// Waits until every shopper has stopped because the service is gone or refuses.
    pub async fn end(self) -> CommandRecord {
        tokio::time::timeout(PATIENCE, self.shoppers.join_all())
            .await
            .expect("every shopper stops");
        Arc::into_inner(self.record)
            .expect("the only holder")
            .into_inner()
            .expect("a record")
    }
}

/// Asserts that every acknowledged command is in the log by exactly one commit, which ends at the
/// version of the response, and every command without a response at most once.
pub fn assert_log_matches(record: &CommandRecord, log: &StoredLog) {
    assert_eq!(discrepancies(record, log), Vec::<String>::new());
}

/// The differences that [`assert_log_matches`] asserts against.
pub fn discrepancies(record: &CommandRecord, log: &StoredLog) -> Vec<String> {
    let mut commits: HashMap<(&str, &str), (BTreeSet<&str>, u64)> = HashMap::new();
    for event in log.iter() {
        let Some(key) = &event.key else { continue };
        let (commands, last) = commits.entry((&event.stream, key)).or_default();
        commands.insert(&event.command_id);
        *last = (*last).max(event.version);
    }
    let mut found = Vec::new();
    for (sent, answered) in &record.acknowledged {
        let (cart, digest) = (answered.cart(), log.digest_of(&sent.key));
        match commits.get(&(cart.as_str(), digest.as_str())) {
            None => found.push(format!("{sent:?} is not in the log")),
            Some((commands, _)) if commands.len() > 1 => {
                found.push(format!("{sent:?} is there more than once"));
            }
            Some((_, last)) if *last != answered.version => {
                found.push(format!("{sent:?} is at version {last}: {answered:?}"));
            }
            Some(_) => {}
        }
    }
    for sent in &record.unanswered {
        let digest = log.digest_of(&sent.key);
        let same = commits.iter().filter(|((_, key), _)| **key == digest);
        let commands: usize = same.map(|(_, (commands, _))| commands.len()).sum();
        if commands > 1 {
            found.push(format!("{sent:?} is there more than once"));
        }
    }
    found
}

/// Asserts that every acknowledged command, sent again, gets its first response, and that every
/// command without a response is executed now or replayed.
pub async fn assert_replays(record: &mut CommandRecord, address: SocketAddr) {
    let client = http_client();
    for (sent, answered) in &record.acknowledged {
        let again = sent.send(&client, address).await.expect("a response");
        let expected = CommandReply {
            replayed: true,
            ..answered.clone()
        };
        assert_eq!(again, expected, "{sent:?}");
    }
    for sent in std::mem::take(&mut record.unanswered) {
        let answered = sent.send(&client, address).await.expect("a response");
        assert!(answered.is_ok(), "{sent:?}: {answered:?}");
        record.acknowledged.push((sent, answered));
    }
}

/// Asserts that the view reaches the newest version of every cart of `record`.
pub async fn assert_views_catch_up(record: &CommandRecord, address: SocketAddr) {
    let client = http_client();
    let mut newest: HashMap<String, (u64, String)> = HashMap::new();
    for (sent, answered) in &record.acknowledged {
        let token = answered.body["token"].as_str().map(str::to_owned);
        let token = token.or_else(|| sent.token.clone()).expect("a token");
        let entry = newest.entry(answered.cart()).or_insert((0, token));
        entry.0 = entry.0.max(answered.version);
    }
    for (cart, (version, token)) in newest {
        let response = client
            .get(format!(
                "http://{address}/api/carts/{cart}?min_version={version}"
            ))
            .header("prefer", "wait=5")
            .bearer_auth(token)
            .send()
            .await
            .expect("a response");
        assert_eq!(response.status(), 200);
        let document: Value = response.json().await.expect("a cart");
        assert!(document["version"].as_u64() >= Some(version), "{document}");
    }
}
