"""Faults that take root's rights and Linux, which not every test run has: `python -m benchmarks.chaos.faults`.

Prints, for each, what the client saw and what the service held afterwards; exits with 1 when a body that was cut looks
whole, or when the service does not answer again.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg

from benchmarks.chaos.soak import workers
from benchmarks.service import Service, running
from queries.embedded import embedded

_PATIENCE = 30.0
_LONG = 200.0
_SPILLING = """
SELECT i, repeat(md5(i::text), 4) AS content FROM (SELECT generate_series(1, 200000) AS i) s
UNION ALL (SELECT i, repeat(md5(i::text), 4) FROM (SELECT generate_series(1, 900000) AS i) s ORDER BY 2)
"""
_RUNNING = "SELECT {} FROM pg_stat_activity WHERE application_name LIKE 'exporter %stream' AND state = 'active'"
_DATASETS = {
    "one": "SELECT 1 AS one",
    "spilling": _SPILLING,
    "stream": "SELECT i, repeat(md5(i::text), 30) AS content FROM (SELECT generate_series(1, 9000000) AS i) s",
}


def crashed_database(folder: Path) -> bool:
    """Kill a backend as the kernel does when memory is out: PostgreSQL ends all others, and recovers."""
    with embedded() as url, _service(url, folder) as service, _reading(service, url) as client:
        backend = asyncio.run(_value(url, _RUNNING.format("max(pid)")))
        os.kill(backend, signal.SIGKILL)
        code = client.wait(_PATIENCE)
        again = _seconds_until(lambda: _answers(service))
        print(f"database crashed: curl exits {code}; answers again after {again:.1f} s")
        return code == 56 and _answers(service)


def killed_worker(folder: Path) -> bool:
    """Kill one of two workers; see when there are two again."""
    with embedded() as url, _service(url, folder, workers=2) as service, _reading(service, url):
        _seconds_until(lambda: len(workers(service)) == 2)
        doomed = workers(service)[0]
        doomed.kill()
        again = _seconds_until(lambda: all(_answers(service) for _ in range(8)))
        two = _seconds_until(lambda: len([one for one in workers(service) if one != doomed]) == 2)
        print(f"worker killed: 8 of 8 requests are answered after {again:.1f} s; another is there {two:.1f} s later")
        return two < _PATIENCE


def disk_full(folder: Path) -> bool:
    """Run a sort into a file system of eight megabytes; check that the client sees an aborted body."""
    with _mounted(megabytes=8) as mounted, embedded() as url, _service(url, folder) as service:
        asyncio.run(_use_for_temporary_files(url, mounted))
        code, size = _curl(f"{service.url}/datasets/spilling.csv", folder / "body")
        code_2, size_2 = _curl(f"{service.url}/datasets/spilling.csv", folder / "body", "--http2-prior-knowledge")
        left = sum(file.stat().st_size for file in mounted.rglob("*") if file.is_file())
        again = _seconds_until(lambda: _answers(service))
        print(f"disk full: curl exits {code} after {size:,} bytes, HTTP/2 {code_2} after {size_2:,}; ", end="")
        print(f"{left} bytes of temporary files left; answers again after {again:.1f} s")
        return code == 56 and code_2 == 92 and left == 0


def vanished_client(folder: Path) -> bool:
    """Take the network away from between a client and the service, without a word; see how long its export is held."""
    with embedded() as url, _service(url, folder) as service, _reading(service, url):
        _loopback("down")
        held = _seconds_until(lambda: not _statements(url), within=_LONG)
        _loopback("up")
        print(f"client vanished: its statement was held for {held:.0f} s; answers: {_answers(service)}")
        return held < _LONG and _answers(service)


def vanished_database(folder: Path) -> bool:
    """Take the network away from between PostgreSQL and the service; see when the service gives its connection up."""
    settings = {"listen_addresses": "127.0.0.1", "port": "5432"}
    with embedded(settings=settings) as url, _service("postgresql://postgres@127.0.0.1/postgres", folder) as service:
        with _reading(service, url):
            _loopback("down")
            held = _seconds_until(lambda: not _to_database(service), within=_LONG)
            _loopback("up")
        again = _seconds_until(lambda: _answers(service))
        print(f"database vanished: given up after {held:.0f} s; answers again {again:.1f} s after it came back")
        return held < _LONG and _answers(service)


def idle_connections(folder: Path, count: int = 500) -> bool:
    """Open connections that send nothing; print what each costs."""
    with embedded() as url, _service(url, folder) as service:
        _answers(service)
        before = service.worker.memory_full_info().uss
        ends = [service.connect() for _ in range(count)]
        took = _seconds_until(lambda: len(service.worker.net_connections("tcp")) > count)
        each = (service.worker.memory_full_info().uss - before) / count
        answered = _answers(service)
        for end in ends:
            end.close()
    print(f"{count} silent connections: accepted after {took:.1f} s, {each / 1024:.1f} KiB each; answers: {answered}")
    return answered


def _curl(url: str, body: Path, *options: str) -> tuple[int, int]:
    done = subprocess.run(["curl", "-s", "-o", body, *options, url], check=False)
    return done.returncode, body.stat().st_size


def _answers(service: Service) -> bool:
    return _curl(f"{service.url}/datasets/one.csv", Path(os.devnull))[0] == 0


def _seconds_until(found: Callable[[], bool], within: float = _PATIENCE) -> float:
    began = time.monotonic()
    while not found() and time.monotonic() - began < within:
        time.sleep(0.1)
    return time.monotonic() - began


def _statements(url: str) -> int:
    return asyncio.run(_value(url, _RUNNING.format("count(*)")))


async def _value(url: str, sql: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(sql))
    finally:
        await connection.close()


@contextmanager
def _service(url: str, folder: Path, workers: int = 1) -> Iterator[Service]:
    for name, sql in _DATASETS.items():
        (folder / f"{name}.sql").write_text(sql)
    with running(url, workers, datasets=folder) as service:
        yield service


@contextmanager
def _reading(service: Service, url: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have a client read a long export slowly."""
    address = f"{service.url}/datasets/stream.csv"
    with subprocess.Popen(["curl", "-s", "--limit-rate", "5M", "-o", os.devnull, address]) as client:
        try:
            _seconds_until(lambda: _statements(url) == 1)
            yield client
        finally:
            client.kill()


def _to_database(service: Service) -> bool:
    return any(end.raddr and end.raddr.port == 5432 for end in service.worker.net_connections("tcp"))


def _loopback(state: str) -> None:
    subprocess.run(["ip", "link", "set", "lo", state], check=True)


@contextmanager
def _mounted(megabytes: int) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        options = f"size={megabytes}m,uid=nobody"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", "-l", folder], check=True)


async def _use_for_temporary_files(url: str, mounted: Path) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(f"CREATE TABLESPACE scratch LOCATION '{mounted}'")
        await connection.execute("ALTER SYSTEM SET temp_tablespaces = 'scratch'")
        await connection.execute("SELECT pg_reload_conf()")
    finally:
        await connection.close()


FAULTS = (idle_connections, crashed_database, killed_worker, disk_full, vanished_database, vanished_client)


def main() -> None:
    """Make every fault, in a network of our own: nobody else's loopback is taken away."""
    if "--inside" not in sys.argv:
        command = ["unshare", "--net", "--mount", sys.executable, "-m", "benchmarks.chaos.faults", "--inside"]
        os.execvp(command[0], command)
    _loopback("up")
    passed = []
    for fault in FAULTS:
        with tempfile.TemporaryDirectory() as folder:
            passed.append(fault(Path(folder)))
    if not all(passed):
        sys.exit(1)


if __name__ == "__main__":
    main()
