//! Carts and orders by a text that their events have: a product, a promotion, the type of an event,
//! a message of the warehouse.

use crate::decider::Event;
use crate::history;
use crate::log::{Position, RecordedEvent};
use crate::models::{Model, ModelEvent};
use crate::timestamp::Timestamp;
use crate::views::carts;
use crate::views::journal::{self, Direction, Named, Question, candidates, named};
use crate::web::api::journal::at_positions;
use crate::web::http::problem::Problem;
use crate::web::state::AppState;
use rusqlite::Connection;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// Products, promotions and types that a text may name.
const NAMED: usize = 10;
/// Names that are read to find them.
const NAMES: usize = 20_000;
/// Events that are read, the newest of those that match.
const EVENTS: usize = 200;
/// Messages that are read, the newest of each type.
const MESSAGES: usize = 200;
/// The types of events with a message.
const WITH_MESSAGE: [&str; 2] = ["OrderRefused", "OrderCancelled"];

/// What a text names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TextMatch {
    /// `GET /api/events?sku=` has all its events.
    Product {
        sku: String,
        /// As it was called in an event.
        name: String,
    },
    /// `GET /api/events?promotion=` has all its events.
    Promotion { code: String, name: String },
    /// `GET /api/events?type=` has all of them.
    EventType {
        #[serde(rename = "type")]
        name: &'static str,
    },
    /// What the warehouse wrote about an order.
    Message { text: String },
}

/// The newest event of a cart or order that matches.
#[derive(Debug, Serialize, JsonSchema)]
pub struct LastMatch {
    matched: TextMatch,
    position: Position,
    #[serde(rename = "type")]
    name: String,
    version: u64,
    recorded_at: Timestamp,
}

impl LastMatch {
    /// The model of the event.
    pub fn model(&self) -> Model {
        Model::of(&self.name)
    }
}

/// A cart or an order with a match.
pub struct MatchedStream {
    pub id: Uuid,
    /// The order of a cart that was checked out.
    pub order_id: Option<Uuid>,
    pub last_match: LastMatch,
}

/// What was found.
pub struct Found {
    pub matches: Vec<TextMatch>,
    /// Carts and orders, the one with the newest match first.
    pub streams: Vec<MatchedStream>,
    /// Whether more may match.
    pub is_complete: bool,
}

/// The words of a text, all of which must be found.
#[derive(Debug, Clone)]
struct Words(Vec<String>);

impl Words {
    fn are_in(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        self.0.iter().all(|word| text.contains(word))
    }
}

/// Finds `text`, and lists up to `listed` carts and orders.
pub async fn find(state: &AppState, text: &str, listed: usize) -> Result<Found, Problem> {
    let words = text.to_lowercase();
    let words = Words(words.split_whitespace().map(str::to_owned).collect());
    let asked = words.clone();
    let indexed = state
        .views
        .query(&[journal::NAME], move |tables| Indexed::of(tables, &asked));
    let Indexed {
        matches,
        positions,
        with_message,
        mut is_complete,
    } = indexed.await?.answer;
    let newest = positions.keys().rev().take(EVENTS).copied().collect();
    let events = at_positions(&*state.log, newest, Direction::Backward).await?;
    let mut matched: Vec<(RecordedEvent, TextMatch)> = events
        .into_iter()
        .filter_map(|event| {
            let place = *positions.get(&event.position)?;
            Some((event, matches[place].clone()))
        })
        .collect();
    for event in at_positions(&*state.log, with_message, Direction::Backward).await? {
        let decoded = history::event_of::<ModelEvent>(&event)?;
        if let Some(text) = decoded.message().filter(|text| words.are_in(text)) {
            let text = text.to_owned();
            matched.push((event, TextMatch::Message { text }));
        }
    }
    matched.sort_by_key(|(event, _)| std::cmp::Reverse(event.position));
    let mut seen = HashSet::new();
    let mut streams = Vec::new();
    for (event, matched) in matched {
        if !seen.insert(event.stream) {
            continue;
        }
        if streams.len() == listed {
            is_complete = false;
            break;
        }
        streams.push(MatchedStream {
            id: event.stream,
            order_id: None,
            last_match: LastMatch {
                matched,
                position: event.position,
                name: event.name.to_string(),
                version: event.version.0,
                recorded_at: event.recorded_at,
            },
        });
    }
    add_orders(state, &mut streams).await?;
    Ok(Found {
        matches,
        streams,
        is_complete,
    })
}

/// What the index of the journal has for a text.
struct Indexed {
    matches: Vec<TextMatch>,
    /// The positions of events that match, with the place of what they match.
    positions: BTreeMap<Position, usize>,
    /// The positions of events with a message, which may match.
    with_message: Vec<Position>,
    is_complete: bool,
}

impl Indexed {
    fn of(tables: &Connection, words: &Words) -> rusqlite::Result<Indexed> {
        let (named, mut is_complete) = named(tables, |name| words.are_in(name), NAMED, NAMES)?;
        let types = ModelEvent::NAMES
            .iter()
            .copied()
            .filter(|name| words.are_in(name) || words.are_in(&spaced(name)))
            .map(|name| {
                let question = Question {
                    name: Some(name.to_owned()),
                    ..Question::default()
                };
                (TextMatch::EventType { name }, question)
            });
        let asked = types.chain(named.into_iter().map(TextMatch::of));
        let (matches, questions): (Vec<_>, Vec<_>) = asked.unzip();
        let mut positions = BTreeMap::new();
        let newest = Position(i64::MAX.unsigned_abs());
        let mut newest_of = |question: &Question, wanted: usize| {
            let found = candidates(tables, question, newest, Direction::Backward, wanted)?;
            is_complete &= !found.more;
            Ok::<_, rusqlite::Error>(found.positions)
        };
        for (place, question) in questions.iter().enumerate() {
            for position in newest_of(question, EVENTS)? {
                positions.entry(position).or_insert(place);
            }
        }
        let mut with_message = Vec::new();
        for name in WITH_MESSAGE {
            let question = Question {
                name: Some(name.to_owned()),
                ..Question::default()
            };
            with_message.extend(newest_of(&question, MESSAGES)?);
        }
        is_complete &= positions.len() <= EVENTS;
        Ok(Indexed {
            matches,
            positions,
            with_message,
            is_complete,
        })
    }
}

impl TextMatch {
    /// A product or a promotion, and the question for its events.
    fn of(named: Named) -> (TextMatch, Question) {
        match named {
            Named::Product { sku, name } => {
                let question = Question {
                    sku: Some(sku.clone()),
                    ..Question::default()
                };
                let sku = sku.to_string();
                (TextMatch::Product { sku, name }, question)
            }
            Named::Promotion { code, name } => {
                let question = Question {
                    promotion: Some(code.clone()),
                    ..Question::default()
                };
                (TextMatch::Promotion { code, name }, question)
            }
        }
    }
}

/// The name of a type as words: "Cart Checked Out".
fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.push(letter);
    }
    words
}

/// The member of a cart's document that is needed here.
#[derive(Deserialize)]
struct CheckedOut {
    order_id: Option<Uuid>,
}

/// Adds the order of each cart that was checked out.
async fn add_orders(state: &AppState, streams: &mut [MatchedStream]) -> Result<(), Problem> {
    let ids: Vec<Uuid> = streams.iter().map(|stream| stream.id).collect();
    let found = state.views.query(&[carts::NAME], move |tables| {
        let order_of = |id| -> rusqlite::Result<Option<Uuid>> {
            let row = carts::find(tables, id)?;
            let cart = row.and_then(|row| serde_json::from_slice(&row.document).ok());
            Ok(cart.and_then(|cart: CheckedOut| cart.order_id))
        };
        ids.into_iter().map(order_of).collect::<Result<Vec<_>, _>>()
    });
    for (stream, order) in streams.iter_mut().zip(found.await?.answer) {
        stream.order_id = order;
    }
    Ok(())
}
