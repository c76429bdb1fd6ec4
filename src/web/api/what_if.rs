//! `/api/carts/{id}/what-if`: the cart as it would be if some of its events had been different.

use crate::cart::document::CartDocument;
use crate::cart::explain::{self, Difference};
use crate::cart::sentence::sentence;
use crate::cart::what_if::{Alteration, Change, NotChanged, Outcome, WhatIf};
use crate::cart::{CartCommand, CartEvent, Currency, Sku};
use crate::catalogue::Catalogue;
use crate::decider::Event;
use crate::log::Version;
use crate::web::auth::cart::CartTokenDigest;
use crate::web::endpoint::{Endpoint, at};
use crate::web::http::body::read_json;
use crate::web::http::decode::{AtLeastOne, invalid};
use crate::web::http::path::CartId;
use crate::web::http::problem::{Kind, Problem};
use crate::web::http::rate::Rate;
use crate::web::openapi::{Header, Operation, Tag};
use crate::web::state::AppState;
use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeSet;

pub fn endpoints() -> Vec<Endpoint> {
    vec![at("/what-if").post(Rate::WhatIf, what_if, describe_what_if)]
}

/// Changes that one request may have. Each is a command more to decide.
const MAX_CHANGES: usize = 32;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WhatIfRequest {
    /// Versions of the events to leave out, from 2.
    without: BTreeSet<u64>,
    /// Events to change or to add, at most 32.
    #[serde(default)]
    #[schemars(length(max = 32))]
    changes: Vec<RequestedChange>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(rename = "WhatIfChange")]
enum RequestedChange {
    /// The event added or removed another quantity, at the price of the time.
    SetQuantity {
        /// Version of the event, from 2.
        version: u64,
        quantity: AtLeastOne,
    },
    /// The shopper added units right after an event, at today's price.
    AddItem {
        /// Version of the event, from 1.
        after: u64,
        sku: Sku,
        quantity: AtLeastOne,
    },
    /// The shopper entered a code right after an event.
    ApplyPromotion {
        /// Version of the event, from 1.
        after: u64,
        code: String,
    },
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WhatIf")]
struct WhatIfDocument<'a> {
    without: &'a BTreeSet<u64>,
    /// The events that the changes give, in the order of the changes. They are not in the log.
    events: Vec<HypotheticalEvent>,
    /// The changes that the rules refuse. They change nothing.
    refused: Vec<RefusedChange>,
    /// The cart as it would be.
    cart: CartDocument<'a>,
    difference: Difference,
}

#[derive(Serialize, JsonSchema)]
struct HypotheticalEvent {
    /// Index of its change in the request.
    change: usize,
    /// The version of the event that it replaces or follows.
    version: u64,
    /// Whether it replaces that event; otherwise it follows it.
    replaces: bool,
    #[serde(rename = "type")]
    name: &'static str,
    /// The event in plain English.
    sentence: String,
    #[schemars(with = "CartEvent")]
    data: Box<RawValue>,
}

#[derive(Serialize, JsonSchema)]
struct RefusedChange {
    /// Index of the change in the request.
    change: usize,
    /// The problem type, whose page explains the rule.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    /// The rule that refuses it, in words for the shopper.
    detail: String,
}

/// Writes nothing, so it takes no idempotency key.
async fn what_if(
    request: HttpRequest,
    id: CartId,
    payload: Payload,
    state: Data<AppState>,
) -> Result<HttpResponse, Problem> {
    let (WhatIfRequest { without, changes }, _) = read_json(&request, payload).await?;
    if changes.len() > MAX_CHANGES {
        return Err(invalid("/changes", "there must be at most 32 changes"));
    }
    let token = CartTokenDigest::of(&request);
    let turn = state.folds.turn().await?;
    let actual = state.newest_cart_in(&turn, id.0, token).await?;
    let actual = actual.contents().ok_or_else(Problem::not_found)?;
    let last = actual.version;
    require_versions(&without, &changes, last)?;
    let catalogue = state.catalogue.get();
    let changes: Vec<Change> = changes
        .into_iter()
        .map(|change| change.in_terms_of(&catalogue))
        .collect();
    let model = *state.commands.model();
    let mut what_if = WhatIf::new(model, catalogue.offers(), &without, &changes);
    // Up to the same version: a later event would show as a difference.
    let cart = state
        .hypothetical_cart(&turn, id.0, Version(last), &mut what_if)
        .await?;
    drop(turn);
    let hypothetical = cart.contents().ok_or_else(Problem::not_found)?;
    let mut document = WhatIfDocument {
        without: &without,
        events: Vec::new(),
        refused: Vec::new(),
        cart: CartDocument::of(id.0, &cart).ok_or_else(Problem::not_found)?,
        difference: explain::difference(actual, hypothetical),
    };
    for (index, outcome) in what_if.into_outcomes().into_iter().enumerate() {
        document.add(index, &changes[index], outcome, actual.currency, last)?;
    }
    Ok(HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .json(document))
}

/// Each event that is left out or changed exists, is not the first, and is changed once.
fn require_versions(
    without: &BTreeSet<u64>,
    changes: &[RequestedChange],
    last: u64,
) -> Result<(), Problem> {
    let refused =
        |detail: String| Err(Problem::new(Kind::CannotSetAside, detail).with("max", last));
    let mut altered = without.clone();
    for change in changes {
        match *change {
            RequestedChange::SetQuantity { version, .. } => {
                if !altered.insert(version) {
                    return refused(format!("Event {version} can be changed only once."));
                }
            }
            RequestedChange::AddItem { after, .. }
            | RequestedChange::ApplyPromotion { after, .. } => {
                if !(1..=last).contains(&after) {
                    return refused(format!(
                        "Nothing can be added after event {after}; versions 1 to {last} exist."
                    ));
                }
            }
        }
    }
    let out_of_range = |version: &&u64| !(2..=last).contains(*version);
    match altered.iter().find(out_of_range) {
        None => Ok(()),
        Some(version) => refused(format!(
            "Event {version} cannot be left out or changed; versions 2 to {last} can. Event 1 \
             creates the cart."
        )),
    }
}

impl RequestedChange {
    /// The change in the model's terms, with what the shop offers today.
    fn in_terms_of(self, catalogue: &Catalogue) -> Change {
        match self {
            RequestedChange::SetQuantity { version, quantity } => Change {
                version,
                alteration: Alteration::Quantity(quantity.0),
            },
            RequestedChange::AddItem {
                after,
                sku,
                quantity,
            } => {
                let item = catalogue.look_up(sku, quantity.0);
                Change {
                    version: after,
                    alteration: Alteration::Command(CartCommand::AddItem(item)),
                }
            }
            RequestedChange::ApplyPromotion { after, code } => {
                let promotion = catalogue.promotion(&code).cloned();
                Change {
                    version: after,
                    alteration: Alteration::Command(CartCommand::ApplyPromotion { promotion }),
                }
            }
        }
    }
}

impl WhatIfDocument<'_> {
    /// Adds what came of the change at `index`.
    fn add(
        &mut self,
        index: usize,
        change: &Change,
        outcome: Outcome,
        currency: Currency,
        last: u64,
    ) -> Result<(), Problem> {
        let version = change.version;
        let replaces = matches!(change.alteration, Alteration::Quantity(_));
        match outcome {
            Ok(events) => {
                for event in events {
                    self.events.push(HypotheticalEvent {
                        change: index,
                        version,
                        replaces,
                        name: event.name(),
                        sentence: sentence(&event, currency),
                        data: RawValue::from_string(event.data()).map_err(Problem::internal)?,
                    });
                }
            }
            Err(NotChanged::Refused(refusal)) => {
                let problem = Problem::from(refusal);
                self.refused.push(RefusedChange {
                    change: index,
                    kind: problem.kind().address(),
                    title: problem.kind().title(),
                    detail: problem.detail().to_owned(),
                });
            }
            Err(NotChanged::WithoutQuantity) => {
                return Err(Problem::new(
                    Kind::CannotSetAside,
                    format!("Event {version} has no quantity: it neither adds nor removes units."),
                )
                .with("max", last));
            }
            Err(NotChanged::NotReached) => {
                return Err(Problem::internal(format!(
                    "what-if did not reach {version}"
                )));
            }
        }
        Ok(())
    }
}

fn describe_what_if(operation: Operation<'_>) -> Operation<'_> {
    operation
        .named(
            Tag::Histories,
            "supposeWithout",
            "Get a cart with another history",
        )
        .description(
            "The cart as it would be without some events, with other quantities, or with products \
             and codes added in between, and the difference. What is added is decided by the \
             rules on the hypothetical cart; `refused` has what they refuse. Events that happened \
             apply as far as they fit. Nothing is written, so `Idempotency-Key` and `If-Match` \
             are ignored.",
        )
        .requires_cart_token()
        .optional_headers(&[Header::Traceparent])
        .body::<WhatIfRequest>(true)
        .responds(StatusCode::OK, "The hypothetical cart and the difference.")
        .json::<WhatIfDocument<'static>>()
        .with_headers(&[Header::CacheControl])
        .problems(&[Kind::CannotSetAside, Kind::Overloaded])
}
