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

impl Sent {
    /// The version or position in the id, without the part that names the history.
    pub fn place(&self) -> u64 {
        let (place, _) = self.id.split_once('-').expect("a place and a hash");
        place.parse().expect("a number")
    }
}

/// A stream of server-sent events.
pub struct EventStream {
    response: reqwest::Response,
    /// What has come of the next block. A chunk may end within a character.
    bytes: Vec<u8>,
    events: VecDeque<Sent>,
}

impl EventStream {
    pub(super) fn of(response: reqwest::Response) -> EventStream {
        EventStream {
            response,
            bytes: Vec::new(),
            events: VecDeque::new(),
        }
    }

    /// The next event; `None` once the service has ended the stream.
    pub async fn next(&mut self) -> Option<Sent> {
        timeout(PATIENCE, self.read_next())
            .await
            .expect("an event in time")
    }

    /// The stream's text up to and including the event of this number, comments included.
    pub async fn text(mut self, events: usize) -> String {
        let read = async {
            loop {
                let text = String::from_utf8_lossy(&self.bytes).into_owned();
                let end = text.match_indices("\n\n").map(|(at, _)| at + 2);
                let whole = end.map(|end| &text[..end]);
                let has_all = |it: &&str| it.matches("\ndata: ").count() == events;
                if let Some(whole) = whole.into_iter().find(has_all) {
                    return whole.to_owned();
                }
                let chunk = self.response.chunk().await.expect("a stream without error");
                self.bytes.extend(chunk.expect("a stream that goes on"));
            }
        };
        timeout(PATIENCE, read).await.expect("the events in time")
    }

    async fn read_next(&mut self) -> Option<Sent> {
        while self.events.is_empty() {
            let chunk = self
                .response
                .chunk()
                .await
                .expect("a stream without error")?;
            self.bytes.extend(&chunk);
            while let Some(end) = self.bytes.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.bytes.drain(..end + 2).collect();
                let block = String::from_utf8(block).expect("a stream of text");
                self.events.extend(sent(&block));
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
