"""Many exports of a thousand rows, by ours and by the service that people write by hand."""

import http.client
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from importlib.util import find_spec
from statistics import quantiles

from benchmarks.bench import Bench
from benchmarks.loading import SMALL
from benchmarks.measure import Failed, cpu
from benchmarks.progress import say
from benchmarks.service import Service, by_hand, running
from benchmarks.tables import figure, table

TITLE = "Exports of a thousand rows, CSV"
OURS, BY_HAND = "ours", "FastAPI + asyncpg + csv.writer"
CONNECTIONS = (1, 8)

_REQUESTS = {OURS: 10_000, BY_HAND: 2_000}
"""At scale factor 1; of the slower fewer, as rates are compared."""
_ROWS = 1000
_LINES = _ROWS + 1
_PATHS = {OURS: "/datasets/small.csv", BY_HAND: "/small.csv"}


@dataclass(slots=True)
class Small:
    """Requests one after another over each of several connections that are kept."""

    name: str
    connections: int
    seconds: float
    service_cpu: float
    latencies: list[float]
    """Seconds from the request to the last byte."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    @property
    def p50(self) -> float:
        """The median latency, in seconds."""
        return quantiles(self.latencies, n=100, method="inclusive")[49]

    @property
    def p99(self) -> float:
        """The latency that one in a hundred exceeds, in seconds."""
        return quantiles(self.latencies, n=100, method="inclusive")[98]


def run(bench: Bench) -> list[Small]:
    """Ask both services by turns, in as many parts as there are rounds."""
    url = bench.database.url
    with running(url) as ours:
        if not find_spec("fastapi") or not find_spec("uvicorn"):
            return _by_turns(bench, {OURS: ours})
        with by_hand(url) as theirs:
            return _by_turns(bench, {OURS: ours, BY_HAND: theirs})


def _by_turns(bench: Bench, services: dict[str, Service]) -> list[Small]:
    groups = bench.database.facts.tables[SMALL].rows // _ROWS
    rounds = bench.options.rounds
    found: list[Small] = []
    for connections in CONNECTIONS:
        results = {name: Small(name, connections, 0, 0, []) for name in services}
        for number in range(rounds):
            for name, service in services.items():
                requests = max(bench.scaled(_REQUESTS[name]) // rounds, 2 * connections)
                say(f"round {number + 1} of {rounds}: {requests} small exports, {connections} connections, {name}")
                _ask(service, _PATHS[name], requests, groups, results[name])
        found += results.values()
    return found


def _ask(service: Service, path: str, requests: int, groups: int, result: Small) -> None:
    paths = [f"{path}?first={1 + number % groups * _ROWS}" for number in range(requests)]
    before, started = cpu(service.process), time.perf_counter()
    with ThreadPoolExecutor(result.connections) as threads:
        shares = [paths[number :: result.connections] for number in range(result.connections)]
        for latencies in threads.map(lambda share: _latencies(service, share), shares):
            result.latencies += latencies
    result.seconds += time.perf_counter() - started
    result.service_cpu += cpu(service.process) - before


def _latencies(service: Service, paths: list[str]) -> list[float]:
    with closing(service.client()) as connection:
        return [_latency(connection, path) for path in paths]


def _latency(connection: http.client.HTTPConnection, path: str) -> float:
    started = time.perf_counter()
    connection.request("GET", path)
    with connection.getresponse() as response:
        body = response.read()
    waited = time.perf_counter() - started
    lines = body.count(b"\n")
    if response.status != http.HTTPStatus.OK or lines != _LINES:
        raise Failed(f"{path}: {response.status}, {lines} lines")
    return waited


def markdown(found: list[Small]) -> str:
    """Show requests a second and latencies."""
    heads = ("service", "connections", "requests", "requests/s", "p50 ms", "p99 ms", "CPU ms a request")
    rows = (
        (
            one.name,
            str(one.connections),
            str(len(one.latencies)),
            figure(one.rate, 1, 0),
            figure(one.p50, 0.001),
            figure(one.p99, 0.001),
            figure(one.service_cpu / len(one.latencies), 0.001, 2),
        )
        for one in found
    )
    return table(heads, rows)
