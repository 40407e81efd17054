"""Failures that nobody foresaw are told by where they arose and of what kind they are, never by their texts."""

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from exporter.telemetry import failing
from exporter.telemetry.logs import ConsoleFormatter, JsonFormatter, WithoutExceptionText

CANARY = "canary7531"


def arrow() -> None:
    pa.array([CANARY]).cast(pa.int32())


def chained() -> None:
    try:
        arrow()
    except pa.ArrowInvalid as error:
        raise KeyError(CANARY) from error


def grouped() -> None:
    async def both() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(failed())

    asyncio.run(both())


async def failed() -> None:
    error = UnicodeDecodeError("utf-8", CANARY.encode(), 0, 1, CANARY)
    error.add_note(CANARY)
    raise error


def raised(function: Callable[..., Any]) -> Any:
    try:
        function()
    except Exception:  # noqa: BLE001 - whatever it is
        return sys.exc_info()
    raise AssertionError("it did not fail")


@pytest.mark.parametrize(
    ("function", "kinds"),
    [(arrow, ["ArrowInvalid"]), (chained, ["ArrowInvalid", "KeyError"]), (grouped, ["UnicodeDecodeError", "Group"])],
)
@pytest.mark.parametrize("formatter", [ConsoleFormatter(), JsonFormatter()])
def test_a_traceback_shows_places_and_kinds(
    function: Callable[..., Any], kinds: list[str], formatter: ConsoleFormatter | JsonFormatter
) -> None:
    record = logging.LogRecord("exporter", logging.ERROR, "file.py", 1, "GET failed", (), raised(function))
    line = formatter.format(record)
    assert CANARY not in line
    assert all(kind in line for kind in kinds)
    assert f"in {function.__name__}" in line


def test_of_the_servers_tracebacks_the_frames_are_left() -> None:
    trace = (
        "Application callable raised an exception\nTraceback (most recent call last):\n"
        f'  File "/a/b.py", line 3, in read\n    int(text)\nValueError: {CANARY}\n{CANARY}'
    )
    record = logging.LogRecord("_granian.utils", logging.ERROR, "file.py", 1, trace, (), None)
    assert WithoutExceptionText().filter(record)
    line = ConsoleFormatter().format(record)
    assert CANARY not in line
    assert 'File "/a/b.py", line 3, in read' in line


def clean(caplog: pytest.LogCaptureFixture) -> str:
    lines = [ConsoleFormatter().format(record) for record in caplog.records]
    assert lines
    assert not [line for line in lines if CANARY in line]
    return "".join(lines)


def test_a_task_and_a_callback_that_nobody_waits_for(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(failing.of_loop)
        asyncio.get_running_loop().call_soon(int, CANARY)
        task = asyncio.create_task(failed(), name="task")
        await asyncio.wait([task])
        del task
        gc.collect()

    asyncio.run(run())
    told = clean(caplog)
    assert "Task exception was never retrieved" in told
    assert "Exception in callback" in told
    assert "UnicodeDecodeError" in told


def test_a_thread_and_a_finalizer_that_fail(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, module in (("excepthook", threading), ("unraisablehook", sys)):
        monkeypatch.setattr(module, name, getattr(module, name))
    failing.watch_process()

    class Failing:
        def __del__(self) -> None:
            arrow()

    thread = threading.Thread(target=arrow)
    thread.start()
    thread.join()
    Failing()
    gc.collect()
    assert clean(caplog).count("ArrowInvalid") == 2
