"""Clients that take a connection's end for the body's: a reset tells even them that the body was cut."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.acceptance.programs import AT_ONCE, PROGRAMS, started
from tests.acceptance.service import PATIENCE, Service, running, stands_still, tls_options, until


@pytest.fixture(scope="module", autouse=True)
def trust(certificates: Path, tmp_path_factory: pytest.TempPathFactory, wget: str) -> Iterator[None]:
    """Have every client trust the tests' authority, also the suite's own while it waits for the service."""
    authority, wgetrc = certificates / "authority.pem", tmp_path_factory.mktemp("wget") / "wgetrc"
    wgetrc.write_text(f"ca_certificate = {authority}\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("WGETRC", str(wgetrc))
        for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
            patched.setenv(name, str(authority))
        yield


@pytest.fixture(scope="module", params=["plain", "TLS"])
def served(
    request: pytest.FixtureRequest, trust: None, source: str, datasets: Path, certificates: Path
) -> Iterator[Service]:
    secured = request.param == "TLS"
    arguments = tls_options(certificates) if secured else ()
    scheme, settings = "https" if secured else "http", {"pool_size": str(len(PROGRAMS))}
    with running(source, datasets, *arguments, settings=settings, scheme=scheme) as started:
        yield started


def asked(url: str, folder: Path) -> dict[str, int]:
    """Have all clients ask at once, and return with what each ended."""
    with ExitStack() as stack:
        processes = {client: stack.enter_context(started(client, url, folder / client)) for client in PROGRAMS}
        for process in processes.values():
            process.communicate(timeout=3 * PATIENCE)
    return {client: process.returncode for client, process in processes.items()}


def test_a_body_that_is_given_up(served: Service, tmp_path: Path) -> None:
    ended = asked(f"{served.url}/datasets/late.csv", tmp_path)
    assert [client for client, code in ended.items() if code == 0] == []
    assert all(_size(tmp_path / client) > 100_000 for client in PROGRAMS if client not in AT_ONCE)


def test_a_whole_body(served: Service, tmp_path: Path) -> None:
    ended = asked(f"{served.url}/datasets/big.csv", tmp_path)
    assert ended == dict.fromkeys(PROGRAMS, 0)
    assert min(_size(tmp_path / client) for client in PROGRAMS) > 9_000_000


def test_a_worker_that_is_killed(source: str, datasets: Path, tmp_path: Path) -> None:
    """Wherever it is in the body: within a chunk, mostly."""
    tell = [client for client in PROGRAMS if client not in AT_ONCE]
    with running(source, datasets, settings={"pool_size": str(len(tell))}) as service, ExitStack() as stack:
        reading = {}
        for client in tell:
            url = f"{service.url}/datasets/stream.csv?rows=9000000"
            reading[client] = stack.enter_context(started(client, url, tmp_path / client))
            stack.callback(reading[client].kill)
        until(lambda: all(_size(tmp_path / client) for client in tell))
        (worker,) = service.workers()
        worker.kill()
        ended = {client: process.wait(3 * PATIENCE) for client, process in reading.items()}
    assert [client for client, code in ended.items() if code == 0] == []


@pytest.mark.parametrize("client", ["wget", "urllib by lines"])
def test_a_worker_that_is_killed_within_a_chunk(source: str, datasets: Path, tmp_path: Path, client: str) -> None:
    """As much of the body is with the kernel as it takes; the rest is lost with the process."""
    body = tmp_path / "body"
    with (
        running(source, datasets) as service,
        started(client, f"{service.url}/datasets/stream.csv?rows=9000000", body) as reading,
    ):
        until(lambda: _size(body))
        reading.send_signal(signal.SIGSTOP)
        stands_still(source)
        (worker,) = service.workers()
        worker.kill()
        reading.send_signal(signal.SIGCONT)
        assert reading.wait(3 * PATIENCE) != 0


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0
