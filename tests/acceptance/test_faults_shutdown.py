"""The service is told to stop, or its processes are killed, while exports run."""

import signal
import subprocess
from pathlib import Path

import psutil

from benchmarks.ended import still_running
from tests.acceptance.cut import AMPLE, slow_export, versions
from tests.acceptance.service import Service, running, statements, until


def visibly_cut(exit_code: int, version: str = "--http1.1") -> None:
    """The connection is reset when the process dies; with HTTP/2 curl may just be sending."""
    expected = {"--http1.1": {56}, "--http2-prior-knowledge": {16, 55, 56, 92}}[version]
    assert exit_code in expected


@versions
def test_grace_time_that_runs_out(source: str, datasets: Path, tmp_path: Path, version: str) -> None:
    with running(source, datasets, settings={"shutdown_timeout": "1"}) as service:
        with slow_export(service, tmp_path / "body", version) as curl:
            service.process.send_signal(signal.SIGTERM)
            visibly_cut(curl.wait(AMPLE), version)
        assert service.process.wait(AMPLE) == 0
        assert "refused to gracefully stop" in service.log.read_text()
    until(lambda: not statements(source, "stream"))


def test_a_killed_worker(source: str, datasets: Path, tmp_path: Path) -> None:
    """Its exports end visibly, those of the other go on, another takes its place, its statements end."""
    with running(source, datasets, "--workers", "2") as service:
        first = {worker.pid for worker in until(lambda: len(service.workers()) == 2 and service.workers())}
        with slow_export(service, tmp_path / "body") as curl:
            victim = owner(service, curl)
            others = [worker for worker in service.workers() if worker != victim]
            victim.kill()
            visibly_cut(curl.wait(AMPLE))
        assert all(other.is_running() for other in others)
        until(lambda: len({worker.pid for worker in service.workers()} - first) == 1, within=AMPLE)
        until(lambda: len(service.workers()) == 2)
        until(lambda: not statements(source, "stream"))
        until(lambda: all(service.curl("/datasets/items.csv").status == 200 for _ in range(8)))


def owner(service: Service, client: "subprocess.Popen[bytes]") -> psutil.Process:
    """Return the worker that has a client's connection."""
    ports = {end.laddr.port for end in psutil.Process(client.pid).net_connections() if end.raddr}
    for worker in service.workers():
        if ports & {end.raddr.port for end in worker.net_connections() if end.raddr}:
            return worker
    raise AssertionError("no worker has it")


def test_a_statement_that_sends_nothing_ends_with_its_worker(source: str, datasets: Path) -> None:
    """PostgreSQL would notice only when it has something to send, which may take an hour."""
    with running(source, datasets) as service:
        with subprocess.Popen(["curl", "-s", f"{service.url}/datasets/sleep.csv?seconds=3600"]) as curl:
            until(lambda: statements(source, "sleep"))
            (worker,) = service.workers()
            worker.kill()
            assert curl.wait(AMPLE) in (52, 56)
        until(lambda: not statements(source, "sleep"), within=AMPLE)


def test_workers_end_with_their_parent(source: str, datasets: Path, tmp_path: Path) -> None:
    """Otherwise they would serve on, and the next start would find its port taken."""
    with running(source, datasets, settings={"shutdown_timeout": "1"}) as service:
        workers = service.workers()
        try:
            with slow_export(service, tmp_path / "body") as curl:
                service.process.kill()
                service.process.wait(AMPLE)
                visibly_cut(curl.wait(AMPLE))
            assert still_running(workers, AMPLE) == []
        finally:
            for worker in workers:
                if worker.is_running():
                    worker.kill()
