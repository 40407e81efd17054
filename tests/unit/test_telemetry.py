"""What is told of an export, whichever way it ends."""

import logging
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from exporter.exports.observers import Began, Ended, Observations, Origin, Progress
from exporter.exports.outcome import DISCONNECTED, SUCCEEDED, Outcome, outcome_of
from exporter.http.visit import Visit
from exporter.problems import Problem, ProblemType
from exporter.telemetry.audit import AuditLog
from exporter.telemetry.metrics import Metrics
from exporter.telemetry.telemetry import Telemetry
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


def rejected() -> QueryRejected:
    error = QueryRejected("InvalidTextRepresentationError in int4in")
    error.sqlstate = "22P02"
    return error


@pytest.fixture
def telemetry(caplog: pytest.LogCaptureFixture) -> Telemetry:
    caplog.set_level(logging.INFO)
    return Telemetry(Metrics(), AuditLog(None))


def visit() -> Visit:
    return Visit("GET", "/datasets/tested.csv", "", "192.0.2.1")


def counted(telemetry: Telemetry) -> dict[Any, Any]:
    """The samples that are not zero, by name and label values."""
    families = text_string_to_metric_families(telemetry.metrics.exposition().decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
        if sample.value
    }


def observed(telemetry: Telemetry, *sizes: int) -> Observations:
    """An export of which so many bytes have been handed out, chunk by chunk."""
    export = Observations(telemetry.observers, Began(ORDER, Origin("anonymous", "192.0.2.1")))
    if sizes:
        export.first_byte(0.25)
    for sent in accumulate(sizes):
        export.progressed(Progress(0, sent))
    return export


def end(outcome: Outcome, *sizes: int) -> Ended:
    return Ended(outcome, 2, sum(sizes), 1.0, 0.25 if sizes else None, 0.5, 1, None)


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
def test_an_export_is_told_of_once(
    telemetry: Telemetry, caplog: pytest.LogCaptureFixture, error: Any, outcome: str, kind: str | None
) -> None:
    observed(telemetry, 5, 3).ended(end(outcome_of(error) if error else SUCCEEDED, 5, 3))
    line = caplog.records[-1]
    fields = vars(line)["fields"]
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


def test_a_failure_before_the_first_byte_is_no_abort(telemetry: Telemetry) -> None:
    observed(telemetry).ended(end(outcome_of(rejected())))
    found = counted(telemetry)
    assert found["exporter_exports_total", "tested", "csv", "failed"] == 1
    assert not [name for name, *_ in found if name == "exporter_aborts_total"]
    assert not [name for name, *_ in found if name.startswith("exporter_first_byte")]


def test_a_reader_that_leaves_is_told_of(telemetry: Telemetry, caplog: pytest.LogCaptureFixture) -> None:
    running = observed(telemetry, 1)
    assert counted(telemetry)["exporter_exports_in_flight",] == 1
    running.ended(end(DISCONNECTED, 1))
    assert vars(caplog.records[-1])["fields"]["outcome"] == "disconnected"
    assert counted(telemetry)["exporter_aborts_total", "disconnected"] == 1


async def test_an_export_may_not_begin_when_that_cannot_be_written_down(tmp_path: Path) -> None:
    telemetry = Telemetry(Metrics(), AuditLog(str(tmp_path / "absent" / "audit")))
    with pytest.raises(Problem, match="operator"):
        await observed(telemetry).began()


async def test_problems_are_counted_by_their_type(telemetry: Telemetry) -> None:
    refused = visit()
    refused.problem = ProblemType.UNKNOWN_DATASET
    telemetry.visited(refused, 404)
    assert counted(telemetry)["exporter_problems_total", "unknown-dataset"] == 1
