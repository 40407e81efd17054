"""What clients see of a cut body through a proxy, which turns the reset into an end at the boundary of a chunk."""

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.acceptance.fronts import haproxy, nginx
from tests.acceptance.programs import BY_LINES, PROGRAMS, started
from tests.acceptance.service import PATIENCE, Service, running, until

FRONTS = {"nginx": nginx, "haproxy": haproxy}
clients = pytest.mark.parametrize("client", [client for client in PROGRAMS if client not in BY_LINES])


@pytest.fixture(scope="module", params=FRONTS)
def front(request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a proxy in front of the suite's service."""
    with FRONTS[request.param](service, tmp_path_factory.mktemp(request.param)) as url:
        yield url


@clients
def test_a_body_that_is_given_up(front: str, tmp_path: Path, client: str) -> None:
    with started(client, f"{front}/datasets/late.csv", tmp_path / "body") as process:
        process.communicate(timeout=3 * PATIENCE)
    assert process.returncode != 0


@pytest.mark.parametrize("client", PROGRAMS)
def test_a_whole_body(front: str, tmp_path: Path, client: str) -> None:
    with started(client, f"{front}/datasets/big.csv", tmp_path / "body") as process:
        process.communicate(timeout=3 * PATIENCE)
    assert process.returncode == 0


@contextmanager
def reading(url: str, folder: Path) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    with ExitStack() as stack:
        processes = {}
        for client in ("curl", "wget", "urllib by reads"):
            processes[client] = stack.enter_context(started(client, url, folder / client))
            stack.callback(processes[client].kill)
        until(lambda: all((folder / client).exists() and (folder / client).stat().st_size for client in processes))
        yield processes


@pytest.mark.parametrize("kind", FRONTS)
def test_a_worker_that_is_killed(source: str, datasets: Path, tmp_path: Path, kind: str) -> None:
    with (
        running(source, datasets) as service,
        FRONTS[kind](service, tmp_path) as url,
        reading(f"{url}/datasets/stream.csv?rows=9000000", tmp_path) as processes,
    ):
        (worker,) = service.workers()
        worker.kill()
        ended = {client: process.wait(3 * PATIENCE) for client, process in processes.items()}
    assert [client for client, code in ended.items() if code == 0] == []
