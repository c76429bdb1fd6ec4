//! Spans as an `ExportTraceServiceRequest` of OTLP 1 in its JSON encoding: ids in hexadecimal,
//! 64-bit numbers as texts, enumerations as numbers.

use super::{Span, Value};
use crate::build;
use serde_json::{Value as Json, json};

/// What the spans are of.
pub(super) struct Resource {
    attributes: Json,
}

impl Resource {
    pub fn new(node: String) -> Resource {
        Resource {
            attributes: json!([
                attribute("service.name", &"cartlog".into()),
                attribute("service.version", &build::RELEASE.into()),
                attribute("service.instance.id", &node.into()),
            ]),
        }
    }
}

/// The body of a request with `spans`.
pub(super) fn document(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let spans: Vec<Json> = spans.iter().map(span).collect();
    let request = json!({
        "resourceSpans": [{
            "resource": { "attributes": resource.attributes },
            "scopeSpans": [{
                "scope": { "name": "cartlog", "version": build::RELEASE },
                "spans": spans,
            }],
        }],
    });
    request.to_string().into_bytes()
}

fn span(span: &Span) -> Json {
    const SAMPLED: u32 = 1;
    const ERROR: u32 = 2;
    let attributes = span.attributes.iter();
    let mut json = json!({
        "traceId": hex::encode(span.context.trace_id),
        "spanId": hex::encode(span.context.span_id),
        "flags": SAMPLED,
        "name": span.name,
        "kind": span.kind as u32,
        "startTimeUnixNano": span.started.to_string(),
        "endTimeUnixNano": span.ended.to_string(),
        "attributes": attributes.map(|(key, value)| attribute(key, value)).collect::<Vec<_>>(),
    });
    if let Some(parent) = &span.parent {
        json["parentSpanId"] = hex::encode(parent).into();
    }
    if let Some(link) = &span.link {
        json["links"] = json!([{
            "traceId": hex::encode(link.trace_id),
            "spanId": hex::encode(link.span_id),
        }]);
    }
    if let Some(failure) = &span.failure {
        json["status"] = json!({ "code": ERROR, "message": failure });
    }
    json
}

fn attribute(key: &str, value: &Value) -> Json {
    let value = match value {
        Value::Text(text) => json!({ "stringValue": text }),
        Value::Number(number) => json!({ "intValue": number.to_string() }),
    };
    json!({ "key": key, "value": value })
}
