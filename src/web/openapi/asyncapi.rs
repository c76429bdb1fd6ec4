//! Assembles the AsyncAPI 3.0 document: the public events, from the types that they are written
//! from.

use super::schemas::Schemas;
use crate::public_events::{
    CartCheckedOutData, CartExpiredData, Envelope, OrderCancelledData, OrderConfirmedData,
    OrderPlacedData, OrderRefusedData, OrderReservedData, PublicData,
};
use serde_json::{Map, Value, json};

/// The channel of the events that are read in pages.
const FEED: &str = "public_events";
/// The channel of the events that are sent.
const WEBHOOK: &str = "webhook";

/// The document that describes the public events.
pub fn asyncapi() -> Value {
    let mut messages = Messages {
        schemas: Schemas::new(),
        described: Map::new(),
    };
    messages.add::<CartCheckedOutData>();
    messages.add::<CartExpiredData>();
    messages.add::<OrderPlacedData>();
    messages.add::<OrderReservedData>();
    messages.add::<OrderRefusedData>();
    messages.add::<OrderConfirmedData>();
    messages.add::<OrderCancelledData>();
    let Messages {
        mut schemas,
        mut described,
    } = messages;
    let definitions = schemas.take_definitions();
    for (_, message) in &mut described {
        let data = message["title"].as_str().unwrap_or_default();
        let summary = definitions[data]["description"].clone();
        message["summary"] = summary;
    }
    let referring = |prefix: &str| -> Map<String, Value> {
        let reference = |name: &String| json!({ "$ref": format!("#{prefix}/{name}") });
        let names = described.keys();
        names.map(|name| (name.clone(), reference(name))).collect()
    };
    let in_components = referring("/components/messages");
    let in_channel = |channel: &str| -> Vec<Value> {
        referring(&format!("/channels/{channel}/messages"))
            .into_iter()
            .map(|(_, reference)| reference)
            .collect()
    };
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "cartlog events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": RULES,
            "license": { "name": "MIT" },
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {
            FEED: {
                "address": "/api/public-events",
                "title": "Pages",
                "description": "The events of all carts by their position in the log, in pages \
                    that the receiver requests (`application/cloudevents-batch+json`).",
                "messages": in_components.clone(),
            },
            WEBHOOK: {
                "address": null,
                "title": "Webhook",
                "description": "The events of the types that `[[webhooks]]` names, sent to its \
                    `url`, one a request. The next event of a cart is sent after the 2xx for the \
                    one before.",
                "messages": in_components,
            },
        },
        "operations": {
            "listPublicEvents": {
                "action": "send",
                "channel": { "$ref": format!("#/channels/{FEED}") },
                "summary": "Returns the events after a place in the log.",
                "messages": in_channel(FEED),
            },
            "deliver": {
                "action": "send",
                "channel": { "$ref": format!("#/channels/{WEBHOOK}") },
                "summary": "Sends an event, signed after Standard Webhooks: `webhook-id` is the \
                    event's `id`, beside `webhook-timestamp` and `webhook-signature`.",
                "messages": in_channel(WEBHOOK),
                "bindings": { "http": { "method": "POST", "bindingVersion": "0.3.0" } },
            },
        },
        "components": { "messages": described, "schemas": definitions },
    })
}

/// The prose at the top of the document.
const RULES: &str = "What other services may rely on. Each message is a CloudEvent 1.0 in its JSON \
    format, and complete: a receiver needs no further request. The messages of a cart are ordered \
    by `logposition`. Every message may be received more than once, under the same `id`. New types \
    and new members may be added; any other change gets a new type, such as `cartlog.v2.…`.";

/// Collects messages and the schemas that they refer to.
struct Messages {
    schemas: Schemas,
    described: Map<String, Value>,
}

impl Messages {
    /// Adds the message with the data `T`.
    fn add<T: PublicData>(&mut self) {
        let name = T::TYPE.name();
        let envelope = self.schemas.response::<Envelope<T>>();
        let constant = json!({ "properties": { "type": { "const": name } } });
        let message = json!({
            "name": name,
            "title": T::schema_name(),
            "contentType": "application/cloudevents+json",
            "correlationId": { "location": "$message.payload#/correlationid" },
            "payload": { "allOf": [envelope, constant] },
        });
        self.described.insert(name.to_owned(), message);
    }
}
