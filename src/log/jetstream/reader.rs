//! Reading messages in pages. Each is answered by one of the copies of the stream, which the
//! servers choose at random.
//!
//! A page is one request with a time limit of its own, so that nothing can stall as a consumer
//! does after an election. A copy has only what a quorum has stored, but it may be behind, and it
//! may have lost messages: the caller compares the sequences.

use super::messages::StoredMessage;
use crate::log::shared::SequencedCommit;
use crate::nats::ANSWER_WITHIN;
use async_nats::{Client, Message};
use futures_util::StreamExt;
use serde::Serialize;
use serde_json::json;

/// The most that a page has, in bytes, unless its first message is larger.
const PAGE_BYTES: usize = 8 << 20;
/// There is no such message, or none behind it.
const NOT_FOUND: u16 = 404;
/// The end of a page.
const END: u16 = 204;

/// Messages without a gap, from the sequence that was asked for.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub commits: Vec<SequencedCommit>,
    /// Why the page ends before a message that this copy should have: it is missing or damaged.
    pub fault: Option<String>,
    /// The last sequence that the copy has, as far as the page shows it.
    pub last: u64,
}

/// At most `limit` messages from the sequence `from` on, which the copy has now.
pub(super) async fn page(
    client: &Client,
    stream: &str,
    from: u64,
    limit: usize,
) -> Result<Page, String> {
    // By the next subject, not by the sequence: so a gap shows by what comes behind it.
    let request = json!({
        "seq": from, "batch": limit.max(2), "max_bytes": PAGE_BYTES, "next_by_subj": ">",
    });
    let mut page = Page::default();
    let mut next = from;
    let mut answers = Answers::to(client, stream, &request).await?;
    loop {
        let message = match answers.next().await {
            Ok(Some(message)) => message,
            // What came so far is as good as a whole page.
            Ok(None) | Err(_) if !page.commits.is_empty() => return Ok(page),
            Ok(None) => return Err("the connection to NATS was closed".to_owned()),
            Err(reason) => return Err(reason),
        };
        let pending: u64 = header(&message, "Nats-Num-Pending").unwrap_or(0);
        match message.status.map(|status| status.as_u16()) {
            Some(NOT_FOUND) => return Ok(page),
            Some(END) => {
                page.last += pending;
                return Ok(page);
            }
            Some(status) => return Err(refused(status, &message)),
            None => {}
        }
        let found = stored(message)?;
        page.last = found.sequence;
        if page.fault.is_some() {
            continue;
        }
        if found.sequence != next {
            let found = found.sequence;
            page.fault = Some(format!("it is missing, and sequence {found} is there"));
            continue;
        }
        match found.decode() {
            Ok(commit) => page.commits.push(commit),
            Err(reason) => page.fault = Some(reason),
        }
        next += 1;
        if page.commits.len() == limit {
            return Ok(page);
        }
    }
}

/// The last message of `subject` that the copy has.
pub(super) async fn last_of(
    client: &Client,
    stream: &str,
    subject: &str,
) -> Result<Option<StoredMessage>, String> {
    let request = json!({ "last_by_subj": subject });
    let mut answers = Answers::to(client, stream, &request).await?;
    let Some(message) = answers.next().await? else {
        return Ok(None);
    };
    match message.status.map(|status| status.as_u16()) {
        Some(NOT_FOUND) => Ok(None),
        Some(status) => Err(refused(status, &message)),
        None => stored(message).map(Some),
    }
}

/// The answers to one request.
struct Answers(async_nats::Subscriber);

impl Answers {
    async fn to(client: &Client, stream: &str, request: &impl Serialize) -> Result<Self, String> {
        let payload = serde_json::to_vec(request).expect("requests are plain data");
        let sending = async {
            let inbox = client.new_inbox();
            let answers = client.subscribe(inbox.clone()).await;
            let answers = answers.map_err(|error| error.to_string())?;
            let subject = format!("$JS.API.DIRECT.GET.{stream}");
            let sent = client
                .publish_with_reply(subject, inbox, payload.into())
                .await;
            sent.map_err(|error| error.to_string())?;
            Ok(Answers(answers))
        };
        let sent = tokio::time::timeout(ANSWER_WITHIN, sending).await;
        sent.unwrap_or_else(|_| Err("the connection to NATS hangs".to_owned()))
    }

    async fn next(&mut self) -> Result<Option<Message>, String> {
        let next = tokio::time::timeout(ANSWER_WITHIN, self.0.next()).await;
        next.map_err(|_| format!("no answer from NATS within {ANSWER_WITHIN:?}"))
    }
}

fn refused(status: u16, message: &Message) -> String {
    if status == 503 {
        return "no server with a copy of the stream answers".to_owned();
    }
    let reason = message.description.as_deref().unwrap_or("without a reason");
    format!("NATS refuses to read the stream: {reason} ({status})")
}

fn stored(message: Message) -> Result<StoredMessage, String> {
    let incomplete = || "an answer of NATS has no sequence and subject".to_owned();
    // The last one of each, which the server adds.
    Ok(StoredMessage {
        sequence: header(&message, "Nats-Sequence").ok_or_else(incomplete)?,
        subject: header(&message, "Nats-Subject").ok_or_else(incomplete)?,
        payload: message.payload,
    })
}

fn header<T: std::str::FromStr>(message: &Message, name: &str) -> Option<T> {
    message
        .headers
        .as_ref()?
        .get_last(name)?
        .as_str()
        .parse()
        .ok()
}
