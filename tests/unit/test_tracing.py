"""A span for each export."""

import subprocess
import sys

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.status import StatusCode

from exporter.telemetry import tracing
from exporter.telemetry.progress import Progress
from exporter.telemetry.visit import Visit
from queries.projection import Projection, project
from tests.exporting import order

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
GOOD = f"00-{TRACE}-{PARENT}-01"
BAD = [
    None,
    "",
    "x" * 65_000,
    f"{GOOD}\r\nx: y",
    f"{GOOD}'*/; DROP TABLE orders --",
    f"00-{'0' * 32}-{PARENT}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE.upper()}-{PARENT}-01",
    f"00-{TRACE}-{PARENT}-01\n",
    "00-٠١٢٣" * 10,
]


@pytest.fixture
def spans(monkeypatch):
    """What a recording tracer has recorded."""
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("exporter"))
    yield memory
    provider.shutdown()


def visit(traceparent):
    return Visit("GET", "/datasets/tested.csv", "", "192.0.2.1", traceparent=traceparent)


def begun(traceparent):
    ordered = order("SELECT 1", "csv")
    return ordered, tracing.begin(ordered, visit(traceparent))


def test_a_span_tells_what_was_exported_and_belongs_to_the_callers_trace(spans):
    _, span = begun(GOOD)
    tracing.end(span, {"outcome": "succeeded", "rows": 3, "bytes": 14})
    (made,) = spans.get_finished_spans()
    assert (made.name, made.kind) == ("export tested", trace.SpanKind.SERVER)
    assert f"{made.parent.span_id:016x}" == PARENT
    assert f"{made.context.trace_id:032x}" == TRACE == tracing.trace_id(visit(GOOD), span)
    assert made.attributes["db.system.name"] == "postgresql"
    assert (made.attributes["exporter.rows"], made.attributes["exporter.bytes"]) == (3, 14)
    assert made.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("outcome", ["failed", "refused", "stalled"])
def test_a_span_of_a_failure_is_an_error(spans, outcome):
    _, span = begun(None)
    tracing.end(span, {"outcome": outcome, "rows": 0, "bytes": 0, "reason": "why", "sqlstate": "22012"})
    (made,) = spans.get_finished_spans()
    assert made.status.status_code is StatusCode.ERROR
    assert made.attributes["db.response.status_code"] == "22012"


def test_statements_name_the_span(spans):
    ordered, span = begun(GOOD)
    sql = project("SELECT 1", [], Projection.CSV, comment=ordered.progress.comment)
    assert sql.startswith(f"/*traceparent='00-{TRACE}-{span.get_span_context().span_id:016x}-01'*/ SELECT")


@pytest.mark.parametrize("header", BAD)
def test_a_header_that_names_no_trace_is_harmless(spans, header):
    ordered, span = begun(header)
    assert span.parent is None
    comment = ordered.progress.comment
    assert len(comment) == len(f"/*traceparent='{GOOD}'*/ ")
    assert comment.count("*/") == 1
    assert tracing.trace_id(visit(header), None) is None


def test_nothing_is_said_to_the_database_when_nobody_records():
    ordered, span = begun(GOOD)
    assert span is None
    assert ordered.progress.comment == Progress().comment == ""
    assert tracing.trace_id(visit(GOOD), None) == TRACE


def test_the_service_does_without_opentelemetry():
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import exporter.app, exporter.telemetry.tracing as tracing; assert tracing.begin(None, None) is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
