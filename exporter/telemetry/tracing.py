"""A span for each export, where OpenTelemetry is installed and set up by whoever runs the service."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from exporter.order import Order
from exporter.telemetry.visit import Visit

if TYPE_CHECKING:
    from opentelemetry.trace import Span

try:
    from opentelemetry import trace
    from opentelemetry.context import Context
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
    from opentelemetry.trace.status import Status, StatusCode
except ImportError:
    INSTALLED = False
else:
    INSTALLED = True
    _TRACER = trace.get_tracer("exporter")
    _PROPAGATOR = TraceContextTextMapPropagator()

_TRACEPARENT = re.compile("00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2; nothing else gets into a log or a statement."""


def trace_id(visit: Visit, span: "Span | None") -> str | None:
    """Return the trace that an export belongs to: its span's, or else the one that the caller names."""
    if span is not None:
        return f"{span.get_span_context().trace_id:032x}"
    match = _TRACEPARENT.fullmatch(visit.traceparent or "")
    return match[1] if match else None


def begin(order: Order, visit: Visit) -> "Span | None":
    """Begin the span of an export, and have its statements name it; None where nobody would record it."""
    if not INSTALLED:
        return None
    named = visit.traceparent or ""
    # An empty context, since Granian's requests have one in common.
    parent = _PROPAGATOR.extract({"traceparent": named}, Context()) if _TRACEPARENT.fullmatch(named) else Context()
    span = _TRACER.start_span(
        f"export {order.dataset.name}",
        parent,
        trace.SpanKind.SERVER,
        {
            "db.system.name": "postgresql",
            "http.request.method": visit.method,
            "http.route": "/datasets/{name}",
            "exporter.export.id": str(order.id),
            "exporter.dataset": order.dataset.name,
            "exporter.format": order.format.name,
        },
    )
    if not span.is_recording():
        return None
    context = span.get_span_context()
    # https://google.github.io/sqlcommenter/spec; the values are hexadecimal, so nothing can end the comment.
    comment = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    order.progress.comment = f"/*traceparent='{comment}'*/ "
    return span


def end(span: "Span", ending: Mapping[str, Any]) -> None:
    """End a span; anything but success and a client that left makes it an error."""
    span.set_attributes({f"exporter.{name}": ending[name] for name in ("outcome", "rows", "bytes")})
    if "sqlstate" in ending:
        span.set_attribute("db.response.status_code", ending["sqlstate"])
    if ending["outcome"] not in ("succeeded", "disconnected"):
        span.set_attribute("error.type", ending["outcome"])
        span.set_status(Status(StatusCode.ERROR, ending.get("reason")))
    span.end()
