"""Files that change under a running service, and the signals that tell it to read them again, or nothing."""

import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.acceptance.catalogue import DATASETS, dataset
from tests.acceptance.conftest import written
from tests.acceptance.service import PATIENCE, Service, running, tls_options, until

OLD, OLD_ROWS = dataset('title = "Old"\nmax_rows = 1', "SELECT 1 AS n"), b"n\n1\n"
NEW, NEW_ROWS = dataset('title = "New"\nmax_rows = 2', "SELECT n FROM (VALUES (2), (3)) v(n)"), b"n\n2\n3\n"
FOLDER = {name: DATASETS[name] for name in ("items", "stream")} | {"answer": OLD}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("datasets"), FOLDER)


@pytest.fixture(scope="module")
def tls(certificates: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    for name in ("certificate.pem", "key.pem"):
        (folder / name).touch(0o600)
        (folder / name).write_bytes((certificates / name).read_bytes())
    return folder


@pytest.fixture(scope="module")
def pair(source: str, folder: Path, certificates: Path, tls: Path) -> Iterator[Service]:
    """Two workers with HTTPS, whose files may be changed."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(certificates / "authority.pem"))
        with running(source, folder, "--workers", "2", *tls_options(tls), scheme="https") as started:
            until(lambda: started.log.read_text().count("Started worker-") == 2)
            yield started


@pytest.fixture(scope="module")
def ask(certificates: Path) -> tuple[str, ...]:
    return ("--cacert", str(certificates / "authority.pem"))


def answers(service: Service, ask: tuple[str, ...]) -> set[bytes]:
    """What the workers answer, each asked often enough to be among them; a new connection comes to any of them."""
    asked = [service.curl("/datasets/answer.csv", *ask) for _ in range(8)]
    assert {answer.exit for answer in asked} == {0}
    return {answer.body for answer in asked}


def replaced(service: Service) -> None:
    """Kill a worker, and wait for the one that takes its place."""
    started = service.log.read_text().count("Started worker-")
    service.workers()[0].kill()
    until(lambda: service.log.read_text().count("Started worker-") > started)


def test_signals_that_mean_nothing(pair: Service, ask: tuple[str, ...]) -> None:
    """Whoever sends them means no end: a terminal that closes, a monitor, a script for another service."""
    everybody = [psutil.Process(pair.process.pid), *pair.workers()]
    for process in everybody:
        for harmless in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGWINCH, signal.SIGCONT):
            process.send_signal(harmless)
    pair.logged("datasets reloaded datasets=3")
    assert answers(pair, ask) == {OLD_ROWS}
    assert pair.workers() == everybody[1:]


def test_files_that_change_while_it_runs(
    pair: Service, folder: Path, tls: Path, tmp_path: Path, ask: tuple[str, ...]
) -> None:
    """All workers serve what was read at the start, also one that starts later, until SIGHUP."""
    written(folder, {"answer": NEW, "broken": "SELECT :nobody"})
    own = Path(pair.workers()[0].environ()["PROMETHEUS_MULTIPROC_DIR"]).parent
    assert [stat.S_IMODE(path.stat().st_mode) for path in (own, own / "key-1.pem")] == [0o700, 0o600]
    (tls / "key.pem").write_text("half of a k")
    (tls / "certificate.pem").unlink()
    replaced(pair)
    assert answers(pair, ask) == {OLD_ROWS}

    written(folder, {"wrong": "/* titel = 'T' */ SELECT 1"})
    pair.process.send_signal(signal.SIGHUP)
    assert f"{folder / 'broken.sql'}:1: :nobody is not declared" in pair.logged("broken.sql")
    assert f"{folder / 'wrong.sql'}:1: titel: unknown key" in pair.logged("wrong.sql")
    assert answers(pair, ask) == {OLD_ROWS}

    for name in ("broken", "wrong", "items", "stream"):
        (folder / f"{name}.sql").unlink()
    body = tmp_path / "body"
    url = f"{pair.url}/datasets/stream.csv?rows=100000"
    with subprocess.Popen(["curl", "-sS", *ask, "--limit-rate", "20M", "-o", body, url]) as curl:
        until(lambda: body.exists() and body.stat().st_size > 100_000)
        curl.send_signal(signal.SIGSTOP)
        workers = pair.workers()
        pair.process.send_signal(signal.SIGHUP)
        assert "removed='items, stream' changed=answer" in pair.logged("datasets reloaded datasets=1")
        until(lambda: answers(pair, ask) == {NEW_ROWS})
        until(lambda: pair.curl("/datasets/stream.csv", *ask).status == 404)
        until(lambda: "New" in pair.curl("/datasets", *ask).text)
        curl.send_signal(signal.SIGCONT)
        assert curl.wait(PATIENCE) == 0
    assert body.read_bytes().count(b"\n") == 100_001
    assert pair.workers() == workers, "none has to go for that"
    replaced(pair)
    assert answers(pair, ask) == {NEW_ROWS}


def test_nothing_is_left_behind(pair: Service) -> None:
    """This is the last test, since it stops the service."""
    own = Path(pair.workers()[0].environ()["PROMETHEUS_MULTIPROC_DIR"]).parent
    assert own.exists()
    pair.process.send_signal(signal.SIGTERM)
    assert pair.process.wait(PATIENCE) == 0
    assert not own.exists()
