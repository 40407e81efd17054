"""Starting and stopping: interfaces, workers, signals."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.environment import environment
from tests.acceptance.raw import PREFACE, connections
from tests.acceptance.service import COMMAND, PATIENCE, free_port, running, stopped, until


def ended(command: Sequence[str | Path], database_url: str, datasets: Path) -> tuple[int, str]:
    """Run a command that must end by itself, with the settings in its environment; return its code and all it says."""
    variables = environment({"database_url": database_url, "datasets": datasets})
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=variables, text=True
    ) as process:
        try:
            told, _ = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            pytest.fail("it was started")
        finally:
            stopped(process)
    return process.returncode, told


def test_native_rsgi_is_refused(source: str, datasets: Path) -> None:
    granian = Path(sys.executable).with_name("granian")
    command: list[str | Path] = [
        granian,
        "--interface",
        "rsgi",
        "--factory",
        "exporter.app:create",
        "--port",
        str(free_port()),
    ]
    code, told = ended(command, source, datasets)
    assert code != 0
    assert "exporter serve" in told


def test_several_workers(source: str, datasets: Path) -> None:
    with running(source, datasets, "--workers", "2", settings={"pool_size": "2"}) as service:
        assert len(until(lambda: len(service.workers()) > 1 and service.workers())) == 2
        for _ in range(10):
            assert service.curl("/datasets/items.csv").status == 200


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_download_is_finished_before_the_service_stops(
    source: str, datasets: Path, tmp_path: Path, stop: signal.Signals
) -> None:
    """Whoever has sent half a head, or nothing but HTTP/2's preface, is not waited for."""
    body = tmp_path / "body"
    with (
        running(source, datasets) as service,
        connections(service, 3, b"GET /healthz HTTP/1.1\r\n"),
        connections(service, 3, PREFACE),
    ):
        url = f"{service.url}/datasets/stream.csv?rows=100000"
        with subprocess.Popen(["curl", "-sS", "--limit-rate", "50M", "-o", body, url]) as curl:
            until(lambda: body.exists() and body.stat().st_size > 1_000_000)
            service.process.send_signal(stop)
            until(lambda: service.curl("/healthz").exit == 7)
            assert curl.poll() is None, "it was done before the listener was closed"
            assert curl.wait(PATIENCE) == 0
        assert service.process.wait(PATIENCE) == 0
    with body.open("rb") as stored:
        assert sum(1 for _ in stored) == 100_001


def test_port_that_is_taken(source: str, datasets: Path, tmp_path: Path) -> None:
    """Two services on one port would answer in turn."""
    (tmp_path / "other.sql").write_text("SELECT 1 AS one\n")
    with running(source, datasets) as service:
        command: list[str | Path] = [COMMAND, "serve", "--port", service.url.rpartition(":")[2]]
        code, told = ended(command, source, tmp_path)
    assert code == 1
    assert "in use" in told
    assert "Traceback" not in told
