"""Exports that end before their end, and how a client sees it."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.acceptance.service import PATIENCE, Answer, Service, until

CUT_OFF = {"--http1.1": {56}, "--http2-prior-knowledge": {92}}
"""curl's exit codes: the connection was reset; an HTTP/2 stream that was not closed cleanly."""


versions = pytest.mark.parametrize("version", CUT_OFF)


def cut_off(answer: Answer, version: str) -> None:
    assert answer.status == 200
    assert answer.exit in CUT_OFF[version]
    assert len(answer.body) > 100_000
    for told in (b"urn:exporter", b"division", b"Unrepresentable", b"does not fit", b"Traceback"):
        assert told not in answer.body


AMPLE = 3 * PATIENCE
"""Seconds for what takes several processes."""


LONG = "rows=9000000"
"""Too many rows to be sent before the test is over."""


@contextmanager
def slow_export(service: Service, body: Path, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have curl read an export that does not end by itself, and wait until some of it is there.

    It takes minutes at this rate; what is on its way when it is cut, which curl reads first, less than a second.
    """
    url = f"{service.url}/datasets/stream.csv?{LONG}"
    with subprocess.Popen(["curl", "-s", "--limit-rate", "20M", "-o", body, *arguments, url]) as curl:
        try:
            until(lambda: body.exists() and body.stat().st_size > 100_000)
            yield curl
        finally:
            curl.kill()
