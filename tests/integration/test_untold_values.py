"""No value of a row or of a sensitive argument gets into log, spans or metrics, whatever fails over it."""

import logging
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from exporter.telemetry import tracing
from exporter.telemetry.audit import AuditLog
from exporter.telemetry.logs import ConsoleFormatter
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.telemetry import Telemetry
from queries.declaration import Parameter
from queries.header import ColumnOverride
from tests.exporting import database, document, order

pytestmark = pytest.mark.anyio

CANARY = "9876543210"
SENSITIVE = {"parameters": (Parameter(name="s", type="text", sensitive=True),), "arguments": {"s": f"x{CANARY}"}}
NARROW = {"a": ColumnOverride(type="decimal(5,2)")}
FAILING: dict[str, tuple[str, dict[str, Any]]] = {
    "a row that cannot be cast": ("SELECT ('x' || {canary})::int AS a", {}),
    "a row that does not fit": ("SELECT {canary}::numeric AS a", {"columns": NARROW}),
    "an argument that cannot be cast": ("SELECT :s::int AS a", SENSITIVE),
    "an argument that is read as JSON": ("SELECT :s::json AS a", SENSITIVE),
}


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_a_failure_is_told_without_the_value(
    database_url: str, source: str, extension: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    memory, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(tracing, "_TRACER", provider.get_tracer("exporter"))
    telemetry, exporting = Telemetry(Metrics(), AuditLog(None)), database(database_url)
    # The server sees the value only when it runs the query.
    canary = f"(SELECT reverse('{CANARY[::-1]}'))"
    for what, (sql, how) in FAILING.items():
        ordered = order(sql.format(canary=canary), extension, source, **how)
        with suppress(Exception):
            await document(exporting, ordered, telemetry.observers)
        outcome = vars(caplog.records[-1])["fields"]["outcome"]
        assert outcome == ("succeeded" if "fit" in what and extension in ("csv", "ndjson") else "failed"), what
    await exporting.pool.close()
    assert len(memory.get_finished_spans()) == len(FAILING)
    told = [ConsoleFormatter().format(record) for record in caplog.records]
    told += [span.to_json() for span in memory.get_finished_spans()]
    told.append(telemetry.metrics.exposition().decode())
    assert not [text for text in told if CANARY in text]
    provider.shutdown()
