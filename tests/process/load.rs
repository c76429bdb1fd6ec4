//! Shoppers who keep a record of what was acknowledged to them, by the keys of their commands.

use crate::program::{PATIENCE, Stored};
use cartlog::commands::IdempotencyKey;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A generator of numbers that are the same for the same seed (SplitMix64).
#[derive(Clone)]
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)) % end as u64;
        usize::try_from(drawn).expect("a number below a usize")
    }
}

/// A command under a key, as it can be sent again.
#[derive(Debug, Clone)]
pub struct Sent {
    pub key: String,
    path: String,
    token: Option<String>,
    pub body: Value,
}

/// What the service answered to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    pub status: u16,
    pub body: Value,
    pub replayed: bool,
    pub retry_after: bool,
    pub version: u64,
}

impl Answered {
    pub fn is_ok(&self) -> bool {
        self.status < 300
    }

    fn cart(&self) -> String {
        self.body["id"].as_str().expect("a cart").to_owned()
    }
}

/// What was acknowledged, and what was sent without an answer.
#[derive(Debug, Clone, Default)]
pub struct Record {
    pub acknowledged: Vec<(Sent, Answered)>,
    pub unanswered: Vec<Sent>,
}

impl Record {
    /// Takes over what `other` holds.
    pub fn extend(&mut self, other: Record) {
        self.acknowledged.extend(other.acknowledged);
        self.unanswered.extend(other.unanswered);
    }
}

impl Sent {
    pub fn opening(key: String) -> Sent {
        Sent {
            key,
            path: "/api/carts".into(),
            token: None,
            body: json!({ "items": [{ "sku": "teapot", "quantity": 1 }] }),
        }
    }

    pub fn addition(key: String, opened: &Answered, sku: &str) -> Sent {
        Sent {
            key,
            path: format!("/api/carts/{}/items", opened.cart()),
            token: opened.body["token"].as_str().map(str::to_owned),
            body: json!({ "sku": sku, "quantity": 1 }),
        }
    }

    /// Sends the command; `None` if the service was gone before the whole answer was there.
    pub async fn send(&self, client: &reqwest::Client, address: SocketAddr) -> Option<Answered> {
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
        Some(Answered {
            status,
            body,
            replayed: headers.contains_key("idempotent-replayed"),
            retry_after: headers.contains_key("retry-after"),
            version,
        })
    }

    /// The key as it stands in the log.
    pub fn digest(&self) -> String {
        hex::encode(IdempotencyKey::new(&self.key, &[]).digest)
    }
}

pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .timeout(PATIENCE)
        .build()
        .expect("a client")
}

/// What the service says of its readiness: the status and the document.
pub async fn ready(address: SocketAddr) -> (u16, Value) {
    let url = format!("http://{address}/readyz");
    let response = client().get(url).send().await.expect("an answer");
    let status = response.status().as_u16();
    (status, response.json().await.expect("a document"))
}

/// Some shoppers at once, each filling carts until the service is gone or refuses.
pub struct Load {
    record: Arc<Mutex<Record>>,
    count: watch::Receiver<usize>,
    over: Arc<AtomicBool>,
    shoppers: JoinSet<()>,
}

impl Load {
    /// Sends `shoppers` to the service at `address`; `round` keeps their keys apart.
    pub fn start(address: SocketAddr, shoppers: u64, round: u64) -> Load {
        let record: Arc<Mutex<Record>> = Arc::default();
        let (counter, count) = watch::channel(0);
        let over: Arc<AtomicBool> = Arc::default();
        let mut tasks = JoinSet::new();
        for shopper in 0..shoppers {
            let record = record.clone();
            let counter = counter.clone();
            let over = over.clone();
            let mut dice = Dice(round * 1_000 + shopper);
            tasks.spawn(async move {
                let client = client();
                let mut cart = None;
                for number in 0.. {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    let key = format!("{round}-{shopper}-{number}");
                    let opened: Option<&Answered> = cart.as_ref();
                    let sent = match opened {
                        Some(opened) if dice.below(8) > 0 => {
                            let sku = ["teapot", "sencha", "notebook"][dice.below(3)];
                            Sent::addition(key, opened, sku)
                        }
                        Some(_) | None => Sent::opening(key),
                    };
                    let answered = sent.send(&client, address).await;
                    let expected = |answered: &Answered| answered.is_ok() || answered.status == 503;
                    assert!(
                        answered.as_ref().is_none_or(expected),
                        "{sent:?}: {answered:?}"
                    );
                    let mut record = record.lock().expect("a record");
                    let Some(answered) = answered.filter(Answered::is_ok) else {
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
        Load {
            record,
            count,
            over,
            shoppers: tasks,
        }
    }

    /// How many commands were acknowledged so far.
    pub fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until `count` commands were acknowledged.
    pub async fn acknowledged(&mut self, count: usize) {
        let reached = self.count.wait_for(|acknowledged| *acknowledged >= count);
        tokio::time::timeout(PATIENCE, reached)
            .await
            .expect("acknowledgements in time")
            .expect("shoppers who go on");
    }

    /// Lets every shopper finish the command that is under way, and ends.
    pub async fn stop(self) -> Record {
        self.over.store(true, Ordering::Relaxed);
        self.end().await
    }

    /// Waits until every shopper has given up.
    pub async fn end(self) -> Record {
        tokio::time::timeout(PATIENCE, self.shoppers.join_all())
            .await
            .expect("shoppers who notice");
        Arc::into_inner(self.record)
            .expect("the only holder")
            .into_inner()
            .expect("a record")
    }
}

/// Every acknowledged command is in the log by exactly one commit, which ends at the version that
/// was answered; what had no answer is there at most once.
pub fn compare(record: &Record, log: &[Stored]) {
    assert_eq!(discrepancies(record, log), Vec::<String>::new());
}

/// Where `log` is not what [`compare`] asks for.
pub fn discrepancies(record: &Record, log: &[Stored]) -> Vec<String> {
    let mut commits: HashMap<(&str, &str), (BTreeSet<&str>, u64)> = HashMap::new();
    for event in log {
        let Some(key) = &event.key else { continue };
        let (commands, last) = commits.entry((&event.stream, key)).or_default();
        commands.insert(&event.command_id);
        *last = (*last).max(event.version);
    }
    let mut found = Vec::new();
    for (sent, answered) in &record.acknowledged {
        let (cart, digest) = (answered.cart(), sent.digest());
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
        let digest = sent.digest();
        let same = commits.iter().filter(|((_, key), _)| **key == digest);
        let commands: usize = same.map(|(_, (commands, _))| commands.len()).sum();
        if commands > 1 {
            found.push(format!("{sent:?} is there more than once"));
        }
    }
    found
}

/// A repetition of what was acknowledged gets the same answer again; what had no answer is carried
/// out now, or is told what became of it.
pub async fn repeat(record: &mut Record, address: SocketAddr) {
    let client = client();
    for (sent, answered) in &record.acknowledged {
        let again = sent.send(&client, address).await.expect("an answer");
        let expected = Answered {
            replayed: true,
            ..answered.clone()
        };
        assert_eq!(again, expected, "{sent:?}");
    }
    for sent in std::mem::take(&mut record.unanswered) {
        let answered = sent.send(&client, address).await.expect("an answer");
        assert!(answered.is_ok(), "{sent:?}: {answered:?}");
        record.acknowledged.push((sent, answered));
    }
}

/// The view reaches the newest version of every cart of `record`.
pub async fn view_catches_up(record: &Record, address: SocketAddr) {
    let client = client();
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
            .expect("an answer");
        assert_eq!(response.status(), 200);
        let document: Value = response.json().await.expect("a cart");
        assert!(document["version"].as_u64() >= Some(version), "{document}");
    }
}
