"""The audit log: what is in a line, what is masked, and what happens when it cannot be written."""

import asyncio
import json
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from exporter.exports.observers import Began, Origin
from exporter.http.problems import document
from exporter.http.visit import Visit
from exporter.problems import Problem, ProblemType
from exporter.telemetry.append_only import AppendOnlyFile
from exporter.telemetry.audit import AuditLog, check
from exporter.telemetry.masking import option_names
from exporter.web.downloads import DownloadOptions
from queries.declaration import Parameter
from tests.exporting import FORMATS, order

OPTIONS = option_names(FORMATS.values(), DownloadOptions)
ORDER = order(
    "SELECT :day AS a, :number AS b",
    "csv",
    parameters=(Parameter(name="day", type="date"), Parameter(name="number", type="text", sensitive=True)),
    arguments={"day": "2024-01-01", "number": "1234-secret"},
)


pytestmark = pytest.mark.anyio


def visit(query_string: str = "", **known: Any) -> Visit:
    made = Visit("GET", "/datasets/tested.csv", query_string, "192.0.2.1", "curl/8")
    for name, value in known.items():
        setattr(made, name, value)
    return made


def began(audit: AuditLog, visited: Visit | None = None) -> Began:
    visited = visited or visit()
    return Began(ORDER, Origin(visited.who, visited.address, None, audit.request_fields(visited)))


def lines(path: Path, audit: AuditLog | None = None) -> list[Any]:
    """The lines of a file, once a log has written all it was given."""
    if audit:
        audit.flush()
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


@pytest.mark.parametrize(
    ("mode", "told"), [(0o644, True), (0o604, True), (0o660, True), (0o602, True), (0o640, False), (0o600, False)]
)
async def test_a_file_that_others_may_read_is_told_of(
    path: Path, caplog: pytest.LogCaptureFixture, mode: int, told: bool
) -> None:
    """It is not changed: whoever rotates it has its mode. But it is the operator's to know."""
    path.touch()
    path.chmod(mode)
    audit = AuditLog(str(path))
    audit.flush()
    assert stat.S_IMODE(path.stat().st_mode) == mode
    found = [
        vars(record)["fields"]["reason"]
        for record in caplog.records
        if "others can access the audit log" in record.message
    ]
    assert len(found) == told
    assert all(f"chmod g-w,o= {path}" in reason for reason in found)
    # After a rotation too, once for each file.
    path.rename(path.with_suffix(".1"))
    path.touch()
    path.chmod(0o644)
    audit.visited(visit(), 200)
    audit.visited(visit(), 200)
    audit.close()
    assert len([record for record in caplog.records if "others can access the audit log" in record.message]) == told + 1


async def test_a_file_of_its_own_and_a_device_are_not_told_of(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in (str(path), "/dev/null"):
        AuditLog(name).close()
    assert not caplog.records


@pytest.fixture
def audit(path: Path) -> Iterator[AuditLog]:
    log = AuditLog(str(path), OPTIONS)
    yield log
    log.close()


def test_a_new_file_is_its_owners_alone(audit: AuditLog, path: Path) -> None:
    audit.flush()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_refusal_tells_who_asked_for_what_and_why_not(audit: AuditLog, path: Path) -> None:
    audit.visited(visit(problem=ProblemType.UNKNOWN_DATASET), 404)
    line = lines(path, audit)[-1]
    assert (line["event"], line["principal"], line["address"]) == ("request", "-", "192.0.2.1")
    assert (line["method"], line["target"], line["status"]) == ("GET", "/datasets/tested.csv", 404)
    assert line["problem"] == "unknown-dataset"


def test_why_credentials_were_refused_is_told(audit: AuditLog, path: Path) -> None:
    audit.visited(visit(problem=ProblemType.UNAUTHENTICATED, reason="key ann has expired"), 401)
    assert lines(path, audit)[-1]["reason"] == "key ann has expired"


async def test_an_export_is_written_down_before_it_begins_and_when_it_ends(audit: AuditLog, path: Path) -> None:
    visited = visit(who="anonymous", dataset=ORDER.dataset, export=ORDER.id)
    await audit.begun(began(audit, visited))
    visited.ending = {"outcome": "disconnected", "bytes": 5}
    audit.visited(visited, 200)
    begun, ended = lines(path, audit)[-2:]
    assert (begun["event"], begun["principal"], begun["export"]) == ("export begun", "anonymous", str(ORDER.id))
    assert begun["arguments"] == {"day": "2024-01-01", "number": "***"}
    assert (ended["event"], ended["outcome"], ended["bytes"]) == ("export ended", "disconnected", 5)


QUERY = "day=2024-01-01&number=1234-secret&_limit=5&_signature=c2VjcmV0&_tokn=secret&other=secret"


def test_of_a_query_string_only_what_is_known_to_be_harmless_is_shown(audit: AuditLog, path: Path) -> None:
    audit.visited(visit(QUERY, dataset=ORDER.dataset), 200)
    target = lines(path, audit)[-1]["target"]
    assert target.startswith("/datasets/tested.csv?day=2024-01-01&number=***&_limit=5&_signature=***&")
    assert "secret" not in target
    assert "c2VjcmV0" not in target


def test_of_a_dataset_that_the_caller_may_not_know_no_argument_is_shown(audit: AuditLog, path: Path) -> None:
    audit.visited(visit(QUERY), 404)
    (_, told) = lines(path, audit)
    assert "2024" not in str(told)
    assert "secret" not in str(told)


def test_control_characters_do_not_begin_a_line(audit: AuditLog, path: Path) -> None:
    forged = '\n{"event":"export ended"}\r\x1b'
    audit.visited(Visit("GET", f"/{forged}", "a%0ab=c%0ad", "192.0.2.1", forged), 404)
    assert [line["event"] for line in lines(path, audit)] == ["log opened", "request"]


@pytest.mark.parametrize("seen", ["/healthz", "/readyz"])
def test_what_is_asked_every_few_seconds_is_left_out(audit: AuditLog, path: Path, seen: str) -> None:
    audit.visited(Visit("GET", seen, "", "192.0.2.1"), 200)
    assert len(lines(path, audit)) == 1


def test_a_file_that_was_moved_away_is_followed_by_a_new_one(audit: AuditLog, path: Path) -> None:
    audit.visited(visit(), 200)
    audit.flush()
    moved = path.rename(path.with_suffix(".1"))
    audit.visited(visit(), 201)
    audit.flush()
    assert [line.get("status") for line in lines(moved)] == [None, 200]
    assert [line["status"] for line in lines(path, audit)] == [201]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_no_export_begins_while_the_log_cannot_be_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "later"
    audit = AuditLog(str(folder / "audit"), OPTIONS)
    for _ in range(2):
        with pytest.raises(Problem) as refused:
            await audit.begun(began(audit))
    assert refused.value.type is ProblemType.AUDIT_LOG_UNAVAILABLE
    assert str(tmp_path) not in str(document(refused.value))
    assert await audit.problems() == ["it cannot be written"]
    audit.visited(visit(), 503)
    audit.flush()
    assert audit.dropped == 1
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR], "it is told once"
    folder.mkdir()
    assert await audit.problems() == []
    await audit.begun(began(audit))
    assert [line["event"] for line in lines(folder / "audit")] == ["log opened", "export begun"]
    audit.close()


async def test_a_log_that_was_lost_is_noticed_before_a_line_is_written(audit: AuditLog, path: Path) -> None:
    assert await audit.problems() == []
    assert len(lines(path, audit)) == 1
    folder, elsewhere = path.parent, path.parent.with_suffix(".away")
    folder.rename(elsewhere)
    assert await audit.problems() == ["it cannot be written"]
    elsewhere.rename(folder)
    assert await audit.problems() == []


@pytest.mark.parametrize("name", ["", "absent/audit"])
def test_a_path_that_cannot_be_opened_is_told_without_a_line(tmp_path: Path, name: str) -> None:
    check(None)
    check("-")
    check(str(tmp_path / "audit"))
    assert (tmp_path / "audit").read_bytes() == b""
    with pytest.raises(OSError, match="directory"):
        check(str(tmp_path / name))


async def test_without_a_path_there_is_no_log(tmp_path: Path) -> None:
    audit = AuditLog(None)
    await audit.begun(began(audit))
    audit.visited(visit(), 200)
    assert await audit.problems() == []


def test_a_line_behind_one_that_was_cut_begins_anew(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, write = AppendOnlyFile(path), os.write
    monkeypatch.setattr("exporter.telemetry.append_only.os.write", lambda descriptor, line: write(descriptor, line[:3]))
    with pytest.raises(OSError, match="No space left"):
        file.append(b"first\n")
    monkeypatch.undo()
    file.append(b"second\n")
    file.close()
    assert path.read_bytes() == b"fir\nsecond\n"


async def test_a_pipe_that_nobody_reads_holds_nothing_up(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert await AuditLog(str(pipe)).problems() == ["it cannot be written"]


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Event]:
    """Which a write to takes until the event is set."""
    there, write = threading.Event(), os.write

    def slow(descriptor: Any, line: Any) -> Any:
        there.wait()
        return write(descriptor, line)

    monkeypatch.setattr("exporter.telemetry.append_only.os.write", slow)
    yield there
    there.set()


async def test_a_disk_that_is_away_holds_up_no_request_and_no_export_begins(
    path: Path, disk: Event, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("exporter.telemetry.audit._IN_TIME", 0.05)
    monkeypatch.setattr("exporter.telemetry.audit._HELD_LINES", 10)
    audit = AuditLog(str(path), OPTIONS)
    beats: list[bool] = []
    heart = asyncio.create_task(beating(beats))
    with pytest.raises(Problem) as refused:
        await audit.begun(began(audit))
    assert refused.value.type is ProblemType.AUDIT_LOG_UNAVAILABLE
    assert len(beats) > 1
    heart.cancel()
    while not audit._lane.stuck(0.05):  # noqa: ASYNC110 - its thread may have begun later than we
        await asyncio.sleep(0.01)
    assert await audit.problems() == ["it cannot be written"]
    with pytest.raises(Problem):
        await audit.begun(began(audit))
    assert [entry.levelno for entry in caplog.records] == [logging.ERROR], "it is told once"
    for status in range(20):
        audit.visited(visit(), status)
    assert audit.dropped == 12
    disk.set()
    audit.flush(20)
    await audit.begun(began(audit))
    audit.close()
    kept = ["log opened", "export begun", *["request"] * 8, "export begun"]
    assert [line["event"] for line in lines(path)] == kept
    assert [line["status"] for line in lines(path)[2:-1]] == list(range(8))


async def beating(beats: list[bool]) -> None:
    while True:
        beats.append(True)
        await asyncio.sleep(0.01)


async def test_a_caller_who_leaves_while_the_line_is_written_leaves_nothing_behind(path: Path, disk: Event) -> None:
    audit = AuditLog(str(path), OPTIONS)
    leaving = asyncio.create_task(audit.begun(began(audit)))
    await asyncio.sleep(0)
    leaving.cancel()
    disk.set()
    await audit.begun(began(audit))
    assert leaving.cancelled()
    audit.close()


def test_a_log_that_cannot_be_written_does_not_keep_the_service_from_ending(
    path: Path, disk: Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.telemetry.audit._IN_TIME", 0.05)
    AuditLog(str(path)).close()
