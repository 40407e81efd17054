"""Standard error is a pipe that nobody reads, as under a supervisor that hangs: no request waits for it."""

import json
import os
import select
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.catalogue import DATASETS, dataset
from tests.acceptance.conftest import written
from tests.acceptance.problems import problem
from tests.acceptance.service import PATIENCE, Service, answers, running, samples, until

WORDS = '[parameters.words]\ntype = "text[]"'
QUERY = "&".join(f"words={'x' * 500}" for _ in range(20))
"""The log shows all of it: ten kilobytes a line, so that few are more than the pipe and the service hold."""
DROPPED = ("exporter_log_lines_dropped_total", "service")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    yield reader, writer
    os.close(reader)
    os.close(writer)


def export(service: Service, times: int) -> None:
    with closing(HTTPConnection(urlsplit(service.url).netloc, timeout=PATIENCE)) as client:
        for _ in range(times):
            client.request("GET", f"/datasets/words.csv?{QUERY}")
            with client.getresponse() as answer:
                assert (answer.status, answer.read()) == (200, b"many\n20\n")


def read(reader: int, until: bytes) -> str:
    """Read what there is until some of it is this."""
    text, deadline = b"", time.monotonic() + PATIENCE
    while until not in text:
        assert time.monotonic() < deadline
        if select.select([reader], [], [], 0.1)[0]:
            text += os.read(reader, 1 << 20)
    return text.decode()


def test_requests_are_answered_and_what_was_dropped_is_counted(
    source: str, tmp_path: Path, pipe: tuple[int, int]
) -> None:
    datasets = written(tmp_path, {"words": dataset(WORDS, "SELECT cardinality(:words) AS many")})
    reader, writer = pipe
    with running(source, datasets, settings={"log_format": "json", "pool_size": "2"}, stderr=writer) as service:
        export(service, 130)
        assert service.curl("/healthz").status == 200
        assert service.curl("/readyz").status == 200
        lost = until(lambda: samples(service)[DROPPED])
        told = json.loads(
            next(
                line
                for line in read(reader, b"because nobody read them").splitlines()
                if "because nobody read them" in line
            )
        )
        assert told["lines"] >= lost
        answer = service.curl("/datasets/words.csv?words=goes%20on")
        assert answer.headers["export-id"] in read(reader, b"goes on")
        until(lambda: samples(service)[DROPPED] == told["lines"])
        export(service, 10)
        (worker,) = service.workers()
        worker.kill()  # its parent tells that too
        until(lambda: answers(service))
        export(service, 10)
        # It is told to stop now.


def test_an_audit_log_that_nobody_reads_lets_no_export_begin_and_holds_nothing_up(
    source: str, tmp_path: Path, pipe: tuple[int, int]
) -> None:
    reader, writer = pipe
    datasets = written(tmp_path, {"items": DATASETS["items"]})
    with running(source, datasets, settings={"audit_log": "-", "log_level": "ERROR"}, stderr=writer) as service:
        os.set_blocking(writer, False)
        with pytest.raises(BlockingIOError):
            while True:
                os.write(writer, b"x" * 100)
        os.set_blocking(writer, True)
        problem(service.curl("/datasets/items.csv"), 503, "audit-log-unavailable")
        assert service.curl("/healthz").status == 200
        problem(service.curl("/readyz"), 503, "not-ready")
        read(reader, b"export begun")
        assert until(lambda: service.curl("/readyz").status == 200)
        answer = service.curl("/datasets/items.csv")
        assert answer.status == 200
        assert f'"export":"{answer.headers["export-id"]}"' in read(reader, b'"succeeded"')
