"""A span for each export."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace.status import StatusCode

from exporter.exports.observers import Began, Ended, Observation, Observations, Origin
from exporter.exports.outcome import SUCCEEDED, Outcome
from exporter.telemetry import tracing
from exporter.telemetry.ending import trace_id
from exporter.telemetry.tracing import TracedExport
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
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What a recording tracer has recorded."""
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("exporter"))
    yield memory
    provider.shutdown()


def begun(traceparent: str | None) -> Observations:
    origin = Origin("ann", "192.0.2.1", traceparent, {"method": "GET"})
    return Observations([TracedExport], Began(order("SELECT 1", "csv"), origin))


def ended(observed: Observations, outcome: Outcome, rows: int = 0, count: int = 0) -> Ended:
    return Ended(outcome, rows, count, 1.0, 0.5, 0.0, 1, observed.traceparent)


def test_a_span_tells_what_was_exported_and_belongs_to_the_callers_trace(spans: InMemorySpanExporter) -> None:
    observed = begun(GOOD)
    end = ended(observed, SUCCEEDED, rows=3, count=14)
    observed.ended(end)
    (made,) = spans.get_finished_spans()
    assert made.parent
    assert made.attributes
    assert (made.name, made.kind) == ("export tested", trace.SpanKind.SERVER)
    assert f"{made.parent.span_id:016x}" == PARENT
    assert f"{made.context.trace_id:032x}" == TRACE == trace_id(Origin(), end)
    assert made.attributes["db.system.name"] == "postgresql"
    assert (made.attributes["exporter.rows"], made.attributes["exporter.bytes"]) == (3, 14)
    assert made.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("outcome", ["failed", "refused", "stalled"])
def test_a_span_of_a_failure_is_an_error(spans: InMemorySpanExporter, outcome: str) -> None:
    observed = begun(None)
    observed.ended(ended(observed, Outcome(outcome, "kind", "why", "22012")))
    (made,) = spans.get_finished_spans()
    assert made.status.status_code is StatusCode.ERROR
    assert (made.attributes or {})["db.response.status_code"] == "22012"


def test_an_export_that_no_request_ordered_is_traced_as_internal_work(spans: InMemorySpanExporter) -> None:
    observed = Observations([TracedExport], Began(order("SELECT 1", "csv"), Origin()))
    observed.ended(ended(observed, SUCCEEDED))
    (made,) = spans.get_finished_spans()
    assert made.kind is trace.SpanKind.INTERNAL
    assert made.attributes
    assert "http.request.method" not in made.attributes


def test_statements_name_the_span(spans: InMemorySpanExporter) -> None:
    observed = begun(GOOD)
    observed.ended(ended(observed, SUCCEEDED))
    (made,) = spans.get_finished_spans()
    sql = project("SELECT 1", [], Projection.CSV, comment=observed.comment)
    assert sql.startswith(f"/*traceparent='00-{TRACE}-{made.context.span_id:016x}-01'*/ SELECT")


@pytest.mark.parametrize("header", BAD)
def test_a_header_that_names_no_trace_is_harmless(spans: InMemorySpanExporter, header: str | None) -> None:
    observed = begun(header)
    observed.ended(ended(observed, SUCCEEDED))
    (made,) = spans.get_finished_spans()
    assert made.parent is None
    comment = observed.comment
    assert len(comment) == len(f"/*traceparent='{GOOD}'*/ ")
    assert comment.count("*/") == 1
    assert trace_id(Origin(traceparent=header), replace(ended(observed, SUCCEEDED), traceparent=None)) is None


@pytest.mark.parametrize("header", [header for header in BAD if header])
def test_whatever_an_observer_says_no_comment_ends_early(header: str) -> None:
    observation = Observation()
    observation.traceparent = header
    comment = Observations([lambda began: observation], Began(order("SELECT 1", "csv"), Origin())).comment
    assert not comment or (comment.count("*/") == 1 and comment.endswith("'*/ ") and comment.isascii())


def test_nothing_is_said_to_the_database_when_nobody_records() -> None:
    observed = begun(GOOD)
    assert (observed.traceparent, observed.comment) == (None, "")
    assert trace_id(Origin(traceparent=GOOD), ended(observed, SUCCEEDED)) == TRACE


def test_the_service_does_without_opentelemetry() -> None:
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import exporter.app, exporter.telemetry.tracing as tracing\n"
        "assert tracing.TracedExport(None).traceparent is None"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
