"""What clients that ask and then read nothing cost the worker, and a client that does read."""

import asyncio
import json
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median

import asyncpg

from benchmarks.bench import Bench
from benchmarks.measure import Growth, settled
from benchmarks.measure import run as run_client
from benchmarks.programs import curl
from benchmarks.progress import say
from benchmarks.scenarios.memory import LONG
from benchmarks.service import Service, running
from benchmarks.tables import MIB, figure, table

TITLE = "Clients that read nothing, beside one that does"

_FAST_ROWS = 1_000_000
_FAST_RUNS = 3
_RECEIVE_BUFFER = 65536
_RUNNING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE 'exporter % rows' AND state = 'active'
"""


@dataclass(frozen=True, slots=True)
class Stalled:
    """Several clients of one format."""

    extension: str
    clients: int
    holding: int
    """How many exports the database had not finished when all was quiet: with too few rows, the sockets hold them."""
    held_each: float
    """Bytes over idle once all is quiet, divided by the clients."""
    peak_each: float
    """The same at the peak, when the worker was still busy for all of them."""
    rate_alone: float
    """Rows a second of a client that reads, after the others have left."""
    rate_beside: float
    """The same while they stalled."""


def run(bench: Bench) -> list[Stalled]:
    """Stall in every format."""
    return [_stall(bench, extension) for extension in bench.formats]


def _stall(bench: Bench, extension: str) -> Stalled:
    clients, rows = bench.options.clients, bench.scaled(_FAST_ROWS)
    say(f"{clients} stalled clients, {extension}")
    path = f"/datasets/rows.{extension}?rows={bench.scaled(LONG)}"
    with running(bench.database.url, pool_size=clients + 1) as service:
        worker = service.worker
        with ExitStack() as stack:
            with Growth(worker) as growth:
                for _ in range(clients):
                    stack.enter_context(_silent(service, path))
                time.sleep(1)  # until the worker has begun
                held = settled(worker) - growth.idle
            holding = asyncio.run(_exports_running(bench.database.url))
            beside = _rate(service, extension, rows)
        settled(worker)
        alone = _rate(service, extension, rows)
    return Stalled(extension, clients, holding, held / clients, growth.bytes / clients, alone, beside)


def _rate(service: Service, extension: str, rows: int) -> float:
    command = curl(f"{service.url}/datasets/rows.{extension}?rows={rows}")
    seconds: list[float] = [json.loads(run_client(command).output)["seconds"] for _ in range(_FAST_RUNS)]
    return rows / median(seconds)


def _silent(service: Service, path: str) -> socket.socket:
    client = service.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


async def _exports_running(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(_RUNNING))
    finally:
        await connection.close()


def markdown(found: list[Stalled]) -> str:
    """Show what each client that reads nothing costs."""
    heads = ("format", "exports held up", "MiB each, held", "at the peak", "krow/s alone", "beside them", "ratio")
    rows = (
        (
            one.extension,
            f"{one.holding} of {one.clients}",
            figure(one.held_each, MIB),
            figure(one.peak_each, MIB),
            figure(one.rate_alone, 1000, 0),
            figure(one.rate_beside, 1000, 0),
            figure(one.rate_beside / one.rate_alone, 1, 2),
        )
        for one in found
    )
    return table(heads, rows)
