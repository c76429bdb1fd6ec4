"""A collector of traces as OpenTelemetry defines it, with the protobuf definitions of OTLP.

Reads one body of OTLP/JSON a line, and prints its spans as a JSON list, or "refused" and the
reason. OTLP differs from the JSON encoding of protobuf in its ids: hexadecimal in place of base64.
"""

import base64
import json
import re
import sys

from google.protobuf.json_format import MessageToDict, Parse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

IDS = {"traceId": 16, "spanId": 8, "parentSpanId": 8}


def with_ids(value, convert):
    """`value` with each id converted."""
    if isinstance(value, list):
        return [with_ids(item, convert) for item in value]
    if isinstance(value, dict):
        return {
            key: convert(key, item) if key in IDS else with_ids(item, convert)
            for key, item in value.items()
        }
    return value


def to_base64(key, text):
    if not re.fullmatch(f"[0-9a-f]{{{2 * IDS[key]}}}", text) or set(text) == {"0"}:
        raise ValueError(f"{key} must be {IDS[key]} bytes in hexadecimal, not all 0: {text}")
    return base64.b64encode(bytes.fromhex(text)).decode()


def to_hex(_, text):
    return base64.b64decode(text).hex()


def without_empty_lists(value):
    """Protobuf does not distinguish an empty list from none."""
    if isinstance(value, list):
        return [without_empty_lists(item) for item in value]
    if isinstance(value, dict):
        return {key: without_empty_lists(item) for key, item in value.items() if item != []}
    return value


def check_attributes(attributes):
    keys = [attribute.key for attribute in attributes]
    if len(set(keys)) < len(keys) or "" in keys:
        raise ValueError(f"keys must be unique and not empty: {keys}")
    if any(attribute.value.WhichOneof("value") is None for attribute in attributes):
        raise ValueError(f"an attribute without a value among {keys}")


def read(span):
    """What the definitions ask for in words, beyond the types."""
    if not span.trace_id or not span.span_id or not span.name:
        raise ValueError("a span must have trace_id, span_id and name")
    if span.kind == Span.SPAN_KIND_UNSPECIFIED:
        raise ValueError(f"{span.name}: kind must not be unspecified")
    if not 0 < span.start_time_unix_nano <= span.end_time_unix_nano:
        raise ValueError(f"{span.name}: it must end after its start")
    if span.status.message and span.status.code != Status.STATUS_CODE_ERROR:
        raise ValueError(f"{span.name}: only an error has a message")
    check_attributes(span.attributes)
    for link in span.links:
        if not link.trace_id or not link.span_id:
            raise ValueError(f"{span.name}: a link must have trace_id and span_id")
    return {
        "name": span.name,
        "trace": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "parent": span.parent_span_id.hex(),
        "kind": Span.SpanKind.Name(span.kind),
        "status": Status.StatusCode.Name(span.status.code),
        "sampled": span.flags & 1 == 1,
        "links": [link.span_id.hex() for link in span.links],
    }


for line in sys.stdin:
    try:
        body = json.loads(line)
        # Strict: a name that the definitions lack is an error.
        request = Parse(json.dumps(with_ids(body, to_base64)), ExportTraceServiceRequest())
        again = MessageToDict(request, use_integers_for_enums=True)
        if with_ids(again, to_hex) != without_empty_lists(body):
            raise ValueError(f"protobuf writes it differently: {json.dumps(again)}")
        found = []
        for resource in request.resource_spans:
            check_attributes(resource.resource.attributes)
            if "service.name" not in [it.key for it in resource.resource.attributes]:
                raise ValueError("a resource must have service.name")
            for scope in resource.scope_spans:
                found.extend(read(span) for span in scope.spans)
        print(json.dumps(found))
    except Exception as error:  # Whatever the library raises.
        print("refused", type(error).__name__, str(error).replace("\n", " "))
