"""Standard error that nobody reads: whoever writes goes on, what is lost is counted and told of."""

import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from logging import Logger
from pathlib import Path
from typing import Any

import pytest

from exporter.telemetry import stderr
from exporter.telemetry.lane import Lane
from exporter.telemetry.logs import JsonFormatter
from exporter.telemetry.stderr import Stderr

AMPLE = 20
LINE = "x" * 999 + "\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def read(reader: int, until: str) -> str:
    """Read until the text ends so."""
    text = ""
    while not text.endswith(until):
        assert select.select([reader], [], [], AMPLE)[0]
        text += os.read(reader, 1 << 16).decode()
    return text


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """A logger that writes to a stream, as the service's do, once it is given one."""
    root = logging.getLogger("exporter")

    def to(stream: Stderr) -> Logger:
        handler = logging.StreamHandler(stream)
        handler.setFormatter(JsonFormatter())
        monkeypatch.setattr(root, "handlers", [handler])
        return root

    return to


def test_lines_come_whole_and_in_their_order(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    stream = Stderr(writer)
    for number in range(100):
        stream.write(f"{number}\n")
    assert stream.drain(AMPLE)
    assert read(reader, "99\n") == "".join(f"{number}\n" for number in range(100))
    assert stream.dropped == 0


def test_nobody_waits_for_who_does_not_read_and_what_was_lost_is_told(
    pipe: tuple[int, int], told: Callable[..., Any]
) -> None:
    reader, writer = pipe
    stream = Stderr(writer, held=100_000)
    log = told(stream)
    for _ in range(300):  # the pipe holds 65 of them, the stream a hundred
        stream.write(LINE)
    assert not stream.drain(0.01)
    lost = stream.dropped
    assert 100 < lost < 300
    text = read(reader, "}\n")
    *kept, notice = text.splitlines(keepends=True)
    assert kept == [LINE] * (300 - lost)
    assert f'"lines":{lost}' in notice
    log.error("goes on")
    assert "goes on" in read(reader, "}\n")
    assert stream.dropped == lost


def test_a_pipe_that_others_made_nonblocking_loses_nothing(pipe: tuple[int, int]) -> None:
    reader, writer = pipe
    os.set_blocking(writer, False)
    stream = Stderr(writer)
    for _ in range(200):
        stream.write(LINE)
    stream.write("end\n")
    assert read(reader, "end\n") == LINE * 200 + "end\n"
    assert stream.dropped == 0


def test_without_a_reader_lines_are_counted() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = Stderr(writer)
    stream.write(LINE)
    assert stream.drain(AMPLE)
    assert stream.dropped == 1
    os.close(writer)


def test_all_that_python_writes_goes_the_same_way(pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = pipe
    monkeypatch.setattr("sys.stderr", Stderr(writer))
    thread = threading.Thread(target=lambda: 1 / 0)
    monkeypatch.setattr("threading.excepthook", threading.__excepthook__)
    thread.start()
    thread.join()
    assert "Traceback" in read(reader, "division by zero\n")


def test_a_process_without_standard_error_writes_to_no_file_that_took_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stderr", None)
    monkeypatch.setattr("atexit.register", lambda _: None)
    stream = stderr.unblocked()
    assert stream.fileno() != 2
    assert stderr.unblocked() is stream
    stream.write("lost\n")
    assert stream.drain(AMPLE)
    os.close(stream.fileno())


def test_a_job_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    lane, done = Lane("tested", 10), []
    assert lane.put(lambda: 1 / 0)
    assert lane.put(lambda: done.append(True))
    assert lane.drain(AMPLE)
    assert done
    assert "a job of thread tested failed" in caplog.text


LAST_WORDS = """
import logging, multiprocessing, sys
from exporter.telemetry.stderr import Handler

def work():
    logging.root.addHandler(Handler())
    logging.error("%s", "." * int(sys.argv[1]))
    raise LookupError("of a worker")

if __name__ == "__main__":
    logging.root.addHandler(Handler())
    worker = multiprocessing.get_context("spawn").Process(target=work)
    worker.start()
    worker.join()
    logging.error("the worker ended with %d", worker.exitcode)
    sys.exit("the last word")
"""


@pytest.fixture
def program(tmp_path: Path) -> list[Path | str]:
    (tmp_path / "last_words.py").write_text(LAST_WORDS)
    return [sys.executable, tmp_path / "last_words.py"]


def test_the_last_words_of_processes_are_written(program: list[Path | str]) -> None:
    done = subprocess.run([*program, "1"], check=False, capture_output=True, text=True, timeout=AMPLE)
    assert done.returncode == 1
    for told in (".", "LookupError: of a worker", "the worker ended with 1", "the last word"):
        assert told in done.stderr


def test_processes_end_though_nobody_reads(program: list[Path | str], pipe: tuple[int, int]) -> None:
    """The interpreter itself writes the last word of the main thread, when that is over."""
    _, writer = pipe
    with subprocess.Popen([*program, str(1 << 17)], stderr=writer) as process:
        assert process.wait(AMPLE) == 1
