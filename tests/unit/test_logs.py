"""Log lines: one record is one line, and no value in it can end or forge one."""

import json
import logging
import logging.config
from logging import LogRecord
from types import TracebackType
from typing import Any, Literal

import pytest

from exporter.telemetry.logs import ConsoleFormatter, JsonFormatter, NoAborts, configuration

FORGED = "a\n2026-01-01 00:00:00,000 INFO exporter.telemetry export outcome=succeeded\r\x1b[2J\u2028\x85\u202eb"

Raised = tuple[type[BaseException], BaseException, TracebackType | None]


def record(
    message: str,
    *arguments: str,
    fields: dict[str, Any] | None = None,
    error: Raised | None = None,
) -> LogRecord:
    made = logging.LogRecord("exporter", logging.INFO, "file.py", 1, message, arguments, error)
    if fields is not None:
        made.fields = fields
    return made


def raised(text: str) -> Raised:
    with pytest.raises(ValueError) as failed:
        int(text)
    return failed.type, failed.value, failed.tb


@pytest.mark.parametrize(
    "made",
    [
        record("asked for %s", FORGED),
        record("export", fields={"dataset": FORGED, "arguments": {FORGED: FORGED}, "reason": FORGED}),
        record("failed", error=raised(FORGED)),
    ],
    ids=["message", "fields", "traceback"],
)
def test_nothing_in_a_record_begins_a_line_of_its_own(made: LogRecord) -> None:
    first, *more = ConsoleFormatter().format(made).splitlines()
    assert first.startswith("20")
    assert all(line.startswith("    ") for line in more)
    assert "\x1b" not in first + "".join(more)
    assert "\u202e" not in first + "".join(more)


def test_fields_stand_behind_the_message_and_values_that_need_it_in_quotes() -> None:
    line = ConsoleFormatter().format(record("export", fields={"id": "a-1", "reason": "two words", "seconds": 1.23456}))
    assert line.endswith("exporter export id=a-1 reason='two words' seconds=1.235")


@pytest.mark.parametrize("text", [FORGED, "half a pair \ud800", "Zürich 東京"])
def test_json_is_one_object_a_line_and_keeps_the_text(text: str) -> None:
    made = record("asked for %s", text, fields={"dataset": text, "rows": 3}, error=raised("why"))
    line = JsonFormatter().format(made)
    assert len(line.splitlines()) == 1
    assert "\u202e" not in line
    document = json.loads(line)
    assert document["message"] == f"asked for {text}"
    assert (document["dataset"], document["rows"], document["level"]) == (text, 3, "INFO")
    assert document["exception"].endswith("builtins.ValueError")


@pytest.mark.parametrize(
    ("name", "message", "shown"),
    [
        ("_granian.utils", "Application callable raised an exception\nAborted: Disconnected", False),
        ("_granian.utils", "Application callable raised an exception\nKeyError: 1", True),
        ("exporter.telemetry", "export failed\nAborted: x", True),
    ],
)
def test_of_the_servers_tracebacks_only_those_of_aborted_bodies_are_dropped(
    name: str, message: str, shown: bool
) -> None:
    made = record(message)
    made.name = name
    assert NoAborts().filter(made) is shown


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_the_configuration_is_one_that_logging_takes(log_format: Literal["console", "json"]) -> None:
    chosen = configuration("WARNING", log_format)
    formatter = logging.config.DictConfigurator(chosen).configure_formatter(chosen["formatters"]["line"])
    assert isinstance(formatter, JsonFormatter if log_format == "json" else ConsoleFormatter)
