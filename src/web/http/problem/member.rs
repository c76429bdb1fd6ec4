//! What a problem has for a program to act on.

use schemars::JsonSchema;
use serde_json::{Value, json};

/// Whether a member is in every problem of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Always,
    /// Where there is something to say by it.
    Sometimes,
}

/// What a problem can have for a program to act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Available,
    CurrentVersion,
    Errors,
    Header,
    Max,
    OrderId,
    Sku,
    Total,
}

/// A place in a body, and what is wrong with it.
#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "only its shape is used: bodies are refused in `body`"
)]
pub struct BodyError {
    /// A JSON pointer (RFC 6901) to the place; empty for the whole body.
    pointer: String,
    detail: String,
}

impl Member {
    pub fn name(self) -> &'static str {
        match self {
            Member::Available => "available",
            Member::CurrentVersion => "current_version",
            Member::Errors => "errors",
            Member::Header => "header",
            Member::Max => "max",
            Member::OrderId => "order_id",
            Member::Sku => "sku",
            Member::Total => "total",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Member::Available => "The types in which the answer comes.",
            Member::CurrentVersion => "The version that the cart is at now.",
            Member::Errors => "Where in the body the mistakes are.",
            Member::Header => "The name of the header.",
            Member::Max => "The bound that was crossed.",
            Member::OrderId => "The order that the cart has become.",
            Member::Sku => "The product in question.",
            Member::Total => "The cart's total as it is now, in minor units.",
        }
    }

    /// A value that it could have.
    pub fn example(self) -> Value {
        match self {
            Member::Available => json!(["application/json", "text/event-stream"]),
            Member::CurrentVersion => json!(7),
            Member::Errors => json!([{
                "pointer": "/quantity",
                "detail": "a quantity of at least 1 is expected at line 1 column 31"
            }]),
            Member::Header => json!("if-match"),
            Member::Max => json!(200),
            Member::OrderId => json!("01a20c19-3319-7388-99fc-8ed73ee058aa"),
            Member::Sku => json!("teapot"),
            Member::Total => json!(4660),
        }
    }

    /// The member's JSON Schema.
    pub fn schema(self) -> Value {
        let mut schema = match self {
            Member::Available => json!({ "type": "array", "items": { "type": "string" } }),
            Member::CurrentVersion | Member::Max => json!({ "type": "integer", "minimum": 0 }),
            Member::Errors => {
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/BodyError" } })
            }
            Member::Header | Member::Sku => json!({ "type": "string" }),
            Member::OrderId => json!({ "type": "string", "format": "uuid" }),
            Member::Total => json!({ "type": "integer", "format": "int64" }),
        };
        schema["description"] = json!(self.description());
        schema
    }
}
