"""The soak finds what it looks for, and a few seconds of it pass."""

import http.server
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pytest

from benchmarks.chaos.clients import Clients
from benchmarks.chaos.content import Expected
from benchmarks.chaos.fooled import by_lines
from benchmarks.chaos.fooled import wget as ask_by_wget
from benchmarks.chaos.kills import Kills
from benchmarks.chaos.samples import MIB, Sample, drift, growth
from benchmarks.chaos.soak import started, written
from benchmarks.chaos.unread_answers import unread

CSV = b"id,content\n1,a\n2,b\n"
EXPECTED = Expected({"small": CSV}, {"small": b""}, {"small": pa.table({"id": [1, 2], "content": ["a", "b"]})})
IDLE = Sample(0, 1, 80 * MIB, 20, 10, 1)


def test_a_few_seconds() -> None:
    with started(4, scale=0.1) as soak:
        unread(soak.clients, random.Random(0))
        before = soak.samples.take()[0]
        soak.run(threads=3, pause=1)
        after = soak.idle()
        report = written(soak, before, after, [])
    assert soak.clients.tally.wrong == []
    assert soak.clients.tally.outcomes["whole"] > 0
    assert soak.stderr.full
    assert soak.stderr.bytes
    assert soak.stderr.held_up == 0
    assert soak.clients.tally.outcomes["unread"] > 0
    assert "passed" in report
    assert "| threads |" in report


@contextmanager
def answering(status: int, body: bytes, *, ended: bool) -> Iterator[int]:
    """Answer every request with one chunk, and with the last chunk only if `ended`."""

    class Answer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.close_connection = True
            self.send_response(status)
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%b\r\n" % (len(body), body) + b"0\r\n\r\n" * ended)

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def asked(status: int, body: bytes, kills: Kills, *, ended: bool = True) -> list[str]:
    """Return what one client finds wrong with this answer to a request for the CSV."""
    with answering(status, body, ended=ended) as port:
        clients = Clients(port, EXPECTED, kills)
        clients.export("small", "csv")
    return clients.tally.wrong


@pytest.mark.parametrize(
    ("status", "body", "right"),
    [
        (200, CSV, True),
        (200, CSV[:-4], False),
        (200, CSV + b"3,c\n", False),
        (500, b"wrong", False),
        (503, b"busy", True),
    ],
)
def test_a_wrong_answer_is_seen(status: int, body: bytes, right: bool) -> None:
    assert (asked(status, body, Kills()) == []) is right


def test_a_cut_body_is_right_after_a_kill_only() -> None:
    assert asked(200, CSV[:-4], Kills(times=[time.monotonic() - 100]), ended=False)
    assert not asked(200, CSV[:-4], Kills(times=[time.monotonic()]), ended=False)


@pytest.mark.parametrize("ended", [False, True])
def test_what_urllib_by_lines_takes_for_whole_is_compared(ended: bool) -> None:
    """It takes this connection's end, without a reset, for the body's."""
    with answering(200, CSV[:-4], ended=ended) as port:
        clients = Clients(port, EXPECTED, Kills(times=[time.monotonic()]))
        by_lines(clients, "small", "csv")
    assert clients.tally.wrong


def test_what_wget_takes_for_whole_is_compared(wget: str) -> None:
    with answering(200, CSV[:-4], ended=True) as port:
        clients = Clients(port, EXPECTED, Kills(times=[time.monotonic()]))
        ask_by_wget(clients, "small", "csv")
    assert clients.tally.wrong


def test_what_fooled_clients_get_whole_is_right(wget: str) -> None:
    with answering(200, CSV, ended=True) as port:
        clients = Clients(port, EXPECTED, Kills())
        by_lines(clients, "small", "csv")
        ask_by_wget(clients, "small", "csv")
    assert clients.tally.wrong == []
    assert clients.tally.outcomes["whole"] == 2


@pytest.mark.parametrize("what", ["memory", "descriptors", "threads"])
def test_growth_is_seen(what: str) -> None:
    assert growth(IDLE, IDLE) == []
    (told,) = growth(IDLE, IDLE._replace(**{what: getattr(IDLE, what) * 2}))
    assert what in told


def test_drift_is_seen() -> None:
    assert drift([IDLE] * 30) == 0
    assert drift([IDLE._replace(memory=second * MIB) for second in range(300)]) == 100 * MIB
