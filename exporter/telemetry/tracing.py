"""A span for each export, if OpenTelemetry is installed and configured by the operator."""

from typing import TYPE_CHECKING

from exporter.exports.observers import Began, Ended, Observation
from exporter.telemetry import ending

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


class TracedExport(Observation):
    """The span of one export, if it is recorded; the export's statements name it."""

    def __init__(self, began: Began) -> None:
        """Start the span."""
        self._span = _begun(began) if INSTALLED else None
        if self._span is not None:
            context = self._span.get_span_context()
            self.traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def ended(self, ended: Ended) -> None:
        """End the span; any outcome except success and a disconnect makes it an error."""
        span, outcome = self._span, ended.outcome
        if span is None:
            return
        found = ending.fields(ended)
        span.set_attributes({f"exporter.{name}": found[name] for name in ("outcome", "rows", "bytes")})
        if outcome.sqlstate is not None:
            span.set_attribute("db.response.status_code", outcome.sqlstate)
        if outcome.name not in ("succeeded", "disconnected"):
            span.set_attribute("error.type", outcome.name)
            span.set_status(Status(StatusCode.ERROR, outcome.reason or None))
        span.end()


def _begun(began: Began) -> "Span | None":
    order, origin = began.order, began.origin
    named = origin.traceparent or ""
    # An empty context, because all requests under Granian share one.
    parent = _PROPAGATOR.extract({"traceparent": named}, Context()) if ending.is_traceparent(named) else Context()
    method = origin.request.get("method")
    http = {"http.request.method": method, "http.route": "/datasets/{name}"} if method else {}
    span = _TRACER.start_span(
        f"export {order.dataset.name}",
        parent,
        trace.SpanKind.SERVER if http else trace.SpanKind.INTERNAL,
        {
            "db.system.name": "postgresql",
            **http,
            "exporter.export.id": str(order.id),
            "exporter.dataset": order.dataset.name,
            "exporter.format": order.format_name,
        },
    )
    return span if span.is_recording() else None
