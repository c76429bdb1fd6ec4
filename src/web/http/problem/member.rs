//! The additional fields of problems, for programs to act on.

use schemars::JsonSchema;
use serde_json::{Value, json};

/// Whether every problem of a type has the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    Always,
    Sometimes,
}

/// An additional field of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Member {
    Available,
    CartCurrency,
    Currency,
    CurrentVersion,
    Errors,
    Header,
    Max,
    Notices,
    OrderId,
    Sku,
    Total,
}

/// A field of a body, and what is wrong with it.
#[derive(JsonSchema)]
#[expect(
    dead_code,
    reason = "only its schema is used: `decode` writes the JSON"
)]
pub struct BodyError {
    /// JSON pointer (RFC 6901) to the field; empty for the whole body.
    pointer: String,
    detail: String,
}

impl Member {
    pub fn name(self) -> &'static str {
        match self {
            Member::Available => "available",
            Member::CartCurrency => "cart_currency",
            Member::Currency => "currency",
            Member::CurrentVersion => "current_version",
            Member::Errors => "errors",
            Member::Header => "header",
            Member::Max => "max",
            Member::Notices => "notices",
            Member::OrderId => "order_id",
            Member::Sku => "sku",
            Member::Total => "total",
        }
    }

    pub fn description(self) -> &'static str {
        match self {
            Member::Available => "The available media types.",
            Member::CartCurrency => "ISO 4217 code of the cart's currency.",
            Member::Currency => "ISO 4217 code of the offer's currency.",
            Member::CurrentVersion => "The cart's current version.",
            Member::Errors => "The errors in the body.",
            Member::Header => "Name of the invalid header.",
            Member::Max => "The limit that was exceeded.",
            Member::Notices => "What is no longer offered.",
            Member::OrderId => "Id of the order.",
            Member::Sku => "The product.",
            Member::Total => "The cart's current total, in minor units.",
        }
    }

    /// The field's JSON Schema.
    pub fn schema(self) -> Value {
        let mut schema = match self {
            Member::Available => json!({ "type": "array", "items": { "type": "string" } }),
            Member::CartCurrency | Member::Currency => {
                json!({ "type": "string", "pattern": "^[A-Z]{3}$" })
            }
            Member::CurrentVersion | Member::Max => json!({ "type": "integer", "minimum": 0 }),
            Member::Errors => {
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/BodyError" } })
            }
            Member::Notices => {
                json!({ "type": "array", "items": { "$ref": "#/components/schemas/CartNotice" } })
            }
            Member::Header | Member::Sku => json!({ "type": "string" }),
            Member::OrderId => json!({ "type": "string", "format": "uuid" }),
            Member::Total => json!({ "type": "integer", "format": "int64" }),
        };
        schema["description"] = json!(self.description());
        schema
    }
}
