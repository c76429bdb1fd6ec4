//! Server-sent events.

use crate::PATIENCE;
use serde_json::Value;
use std::collections::VecDeque;
use tokio::time::timeout;

/// A server-sent event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    pub id: String,
    pub data: Value,
}

/// A stream of server-sent events.
pub struct EventStream {
    response: reqwest::Response,
    text: String,
    events: VecDeque<Sent>,
}

impl EventStream {
    pub(super) fn of(response: reqwest::Response) -> EventStream {
        EventStream {
            response,
            text: String::new(),
            events: VecDeque::new(),
        }
    }

    /// The next event; `None` once the service has ended the stream.
    pub async fn next(&mut self) -> Option<Sent> {
        timeout(PATIENCE, self.read_next())
            .await
            .expect("an event in time")
    }

    async fn read_next(&mut self) -> Option<Sent> {
        while self.events.is_empty() {
            let chunk = self
                .response
                .chunk()
                .await
                .expect("a stream without error")?;
            self.text
                .push_str(std::str::from_utf8(&chunk).expect("a stream of text"));
            while let Some(end) = self.text.find("\n\n") {
                self.events.extend(sent(&self.text[..end]));
                self.text.drain(..end + 2);
            }
        }
        self.events.pop_front()
    }
}

/// The event in a block of lines; `None` for a comment.
fn sent(block: &str) -> Option<Sent> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
    let data = field("data: ")?;
    Some(Sent {
        id: field("id: ").expect("every event has an id").to_owned(),
        data: serde_json::from_str(data).expect("an event of JSON"),
    })
}
