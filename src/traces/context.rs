//! What identifies a span between processes (W3C Trace Context).

use uuid::Uuid;

/// A span, and whether its trace is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpanContext {
    pub trace_id: [u8; 16],
    pub span_id: [u8; 8],
    pub is_sampled: bool,
}

impl SpanContext {
    /// The sampled first span of a new trace.
    pub fn new_root() -> SpanContext {
        SpanContext {
            trace_id: fastrand::u128(1..).to_be_bytes(),
            span_id: new_span_id(),
            is_sampled: true,
        }
    }

    /// Another span of the same trace.
    pub fn child(self) -> SpanContext {
        SpanContext {
            span_id: new_span_id(),
            ..self
        }
    }

    /// The span of the sampled command `id` in a trace. Its id is the second half of the command's:
    /// random and, by the variant of a UUID, never zero.
    pub fn of_command(trace_id: [u8; 16], id: Uuid) -> SpanContext {
        SpanContext {
            trace_id,
            span_id: id.as_u64_pair().1.to_be_bytes(),
            is_sampled: true,
        }
    }

    /// The trace's id: 32 hexadecimal digits.
    pub fn trace_id_hex(self) -> String {
        hex::encode(self.trace_id)
    }

    /// The header `traceparent`.
    pub fn traceparent(self) -> String {
        let flags = u8::from(self.is_sampled);
        let (trace, span) = (hex::encode(self.trace_id), hex::encode(self.span_id));
        format!("00-{trace}-{span}-{flags:02x}")
    }
}

fn new_span_id() -> [u8; 8] {
    fastrand::u64(1..).to_be_bytes()
}
