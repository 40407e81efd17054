"""What clients that ask and then read nothing cost the worker."""

import asyncio
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass

import asyncpg

from benchmarks.bench import EXTENSIONS, Bench
from benchmarks.measure import Growth, settled
from benchmarks.progress import say
from benchmarks.scenarios.memory import LONG
from benchmarks.service import Service, running

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


def run(bench: Bench, clients: int) -> list[Stalled]:
    """Stall in every format."""
    return [_stall(bench, extension, clients) for extension in EXTENSIONS]


def _stall(bench: Bench, extension: str, clients: int) -> Stalled:
    say(f"{clients} stalled clients, {extension}")
    path = f"/datasets/rows.{extension}?rows={bench.scaled(LONG)}"
    with running(bench.database.url, pool_size=clients) as service, ExitStack() as stack:
        worker = service.worker
        with Growth(worker) as growth:
            for _ in range(clients):
                stack.enter_context(_silent(service, path))
            time.sleep(1)  # until the worker has begun
            held = settled(worker) - growth.idle
        holding = asyncio.run(_exports_running(bench.database.url))
    return Stalled(extension, clients, holding, held / clients, growth.bytes / clients)


def _silent(service: Service, path: str) -> socket.socket:
    client = service.connect()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: stalled\r\n\r\n".encode())
    return client


async def _exports_running(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(_RUNNING))
    finally:
        await connection.close()
