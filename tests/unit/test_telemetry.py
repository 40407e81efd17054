"""What is told of an export, whichever way it ends."""

import logging
from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.access.principal import ANONYMOUS
from exporter.http.problems import Problem, ProblemType
from exporter.telemetry.audit import AuditLog
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.telemetry import Telemetry
from exporter.http.visit import Visit
from queries.declaration import Parameter
from queries.errors import ArgumentRejected, PoolBusy, QueryRejected
from tests.exporting import order

pytestmark = pytest.mark.anyio

ORDER = order(
    "SELECT :word",
    "csv",
    parameters=(Parameter(name="word", type="text", sensitive=True),),
    arguments={"word": "geheim"},
)


class Stalled(Exception):
    """As an exception names its own outcome."""

    outcome = "stalled"


def rejected():
    error = QueryRejected("InvalidTextRepresentationError in int4in")
    error.sqlstate = "22P02"
    return error


@pytest.fixture
def telemetry(caplog):
    caplog.set_level(logging.INFO)
    return Telemetry(Metrics(), AuditLog(None))


async def chunks(*made, error=None):
    for chunk in made:
        yield chunk
    if error:
        raise error


def visit():
    return Visit("GET", "/datasets/tested.csv", "", "192.0.2.1", principal=ANONYMOUS)


def counted(telemetry):
    """The samples that are not zero, by name and label values."""
    families = text_string_to_metric_families(telemetry.metrics.exposition().decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.value
    }


async def exported(telemetry, source):
    with suppress(Exception):
        async for _ in telemetry.recorded(ORDER, visit(), source):
            pass


@pytest.mark.parametrize(
    ("error", "outcome", "kind"),
    [
        (None, "succeeded", None),
        (Problem(ProblemType.INVALID_PARAMETERS, "…"), "refused", "invalid-parameters"),
        (ArgumentRejected("word", "no"), "refused", "ArgumentRejected"),
        (PoolBusy("busy"), "refused", "PoolBusy"),
        (rejected(), "failed", "QueryRejected"),
        (Stalled("for a minute"), "stalled", "stalled"),
        (KeyError("geheim"), "failed", "unexpected"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
async def test_an_export_is_told_of_once(telemetry, caplog, error, outcome, kind):
    await exported(telemetry, chunks(b"12345", b"678", error=error))
    line = caplog.records[-1]
    fields = line.fields
    assert line.levelno == (logging.ERROR if outcome == "failed" else logging.INFO)
    assert (fields["outcome"], fields["bytes"]) == (outcome, 8)
    assert (fields["principal"], fields["address"], fields["arguments"]) == ("anonymous", "192.0.2.1", {"word": "***"})
    assert fields.get("sqlstate") == getattr(error, "sqlstate", None)
    assert "geheim" not in caplog.text + str(fields)
    found = counted(telemetry)
    assert found["exporter_exports_total", "tested", "csv", outcome] == 1
    assert found["exporter_bytes_total", "tested", "csv"] == 8
    assert ("exporter_exports_in_flight",) not in found
    assert found.get(("exporter_aborts_total", kind)) == (None if outcome == "succeeded" else 1)


async def test_a_failure_before_the_first_byte_is_no_abort(telemetry):
    await exported(telemetry, chunks(error=rejected()))
    found = counted(telemetry)
    assert found["exporter_exports_total", "tested", "csv", "failed"] == 1
    assert not [name for name, *_ in found if name == "exporter_aborts_total"]
    assert not [name for name, *_ in found if name.startswith("exporter_first_byte")]


async def test_a_reader_that_leaves_is_told_of(telemetry, caplog):
    running = telemetry.recorded(ORDER, visit(), chunks(b"1", b"2"))
    await anext(running)
    assert counted(telemetry)["exporter_exports_in_flight",] == 1
    await running.aclose()
    assert caplog.records[-1].fields["outcome"] == "disconnected"
    assert counted(telemetry)["exporter_aborts_total", "disconnected"] == 1


async def test_whoever_gives_a_body_up_says_why_by_raising_into_it(telemetry, caplog):
    running = telemetry.recorded(ORDER, visit(), chunks(b"1", b"2"))
    await anext(running)
    with pytest.raises(Stalled):
        await running.athrow(Stalled("for a minute"))
    assert caplog.records[-1].fields["outcome"] == "stalled"
    assert caplog.records[-1].fields["reason"] == "Stalled: for a minute"


async def test_nothing_is_read_when_it_cannot_be_written_down(tmp_path):
    telemetry = Telemetry(Metrics(), AuditLog(str(tmp_path / "absent" / "audit")))
    asked = []

    async def source():
        asked.append(True)
        yield b""

    with pytest.raises(Problem, match="operator"):
        async for _ in telemetry.recorded(ORDER, visit(), source()):
            pass
    assert not asked


async def test_problems_are_counted_by_their_type(telemetry):
    refused = visit()
    refused.problem = ProblemType.UNKNOWN_DATASET
    telemetry.visited(refused, 404)
    assert counted(telemetry)["exporter_problems_total", "unknown-dataset"] == 1
