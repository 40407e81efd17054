"""A renewed certificate, which SIGHUP has taken: nothing that runs is cut, and nobody is turned away."""

import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from http.client import HTTPSConnection
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psutil
import pytest
import trustme

from tests.acceptance.service import PATIENCE, Service, curl, running, tls_options, until

T = TypeVar("T")

AMPLE = 3 * PATIENCE
"""Seconds for what takes several processes, and the ten that a worker has for the handshakes of its connections."""

ROWS = "/datasets/stream.csv?rows=100000"
REFUSED = "certificate not renewed"


class Files:
    """The files of a certificate, as a client of an authority renews them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "authority.pem")
        self.renew()

    def renew(self) -> str:
        """Put another certificate and key into the place of those of before; return the certificate."""
        issued = self.authority.issue_cert("127.0.0.1")
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        self.put(chain, issued.private_key_pem.bytes())
        return issued.cert_chain_pems[0].bytes().decode()

    def put(self, certificate: bytes, key: bytes) -> None:
        for name, content in (("certificate.pem", certificate), ("key.pem", key)):
            beside = self.folder / f"{name}.new"
            beside.touch(0o600)
            beside.write_bytes(content)
            beside.replace(self.folder / name)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return Files(tmp_path_factory.mktemp("renewed"))


@contextmanager
def secured(source: str, datasets: Path, files: Files, *arguments: str, **settings: str) -> Iterator[Service]:
    """A service of which all workers have started."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SSL_CERT_FILE", str(files.folder / "authority.pem"))
        given = tls_options(files.folder)
        with running(source, datasets, *given, *arguments, settings=settings, scheme="https") as started:
            until(lambda: started.log.read_text().count("Started worker-") == max(1, arguments.count("2") * 2))
            yield started


@pytest.fixture(scope="module")
def pair(source: str, datasets: Path, files: Files) -> Iterator[Service]:
    with secured(source, datasets, files, "--workers", "2") as started:
        yield started


def presented(service: Service) -> set[str]:
    """What certificates clients get; asked often enough for each worker to be among those who answer."""
    address = urlsplit(service.url)
    found = {ssl.get_server_certificate((address.hostname or "", address.port or 0)) for _ in range(12)}
    return {certificate.strip() for certificate in found}


def told(service: Service, line: str) -> int:
    return service.log.read_text().count(line)


def hang_up(service: Service, answer: str) -> None:
    """Send SIGHUP, and wait until the log has one more line that answers."""
    before = told(service, answer)
    service.process.send_signal(signal.SIGHUP)
    until(lambda: told(service, answer) > before, within=AMPLE)


@contextmanager
def asking(ask: Callable[[], None]) -> Iterator[list[int]]:
    """Ask again and again beside the block, as fast as it goes; yield what grows with each time that went well."""
    over, done, failed = threading.Event(), list[int](), list[Exception]()

    def again() -> None:
        while not over.is_set() and not failed:
            try:
                ask()
                done.append(1)
            except Exception as error:  # noqa: BLE001 - whatever it is, the test fails of it
                failed.append(error)

    thread = threading.Thread(target=again)
    thread.start()
    try:
        yield done
    finally:
        over.set()
        thread.join()
    assert failed == []


class KeptAlive:
    """A client that uses its connection for as long as the service lets it."""

    def __init__(self, service: Service, files: Files) -> None:
        context = ssl.create_default_context(cafile=files.folder / "authority.pem")
        address = urlsplit(service.url)
        self.connection = HTTPSConnection(address.hostname or "", address.port, context=context, timeout=PATIENCE)
        self.connections = 0

    def ask(self) -> None:
        """Ask over the connection, or a new one where the last answer has ended it, and never again."""
        self.connections += self.connection.sock is None
        self.connection.request("GET", "/datasets/items.csv")
        answer = self.connection.getresponse()
        assert answer.read()
        assert answer.status == 200


@contextmanager
def paused(service: Service, files: Files, body: Path, version: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Have curl read some of an export, and stop."""
    command: list[str | Path] = [
        "curl",
        "-sS",
        version,
        "--cacert",
        files.folder / "authority.pem",
        "--limit-rate",
        "20M",
        "-o",
        body,
    ]
    with subprocess.Popen([*command, service.url + ROWS]) as client:
        try:
            until(lambda: body.exists() and body.stat().st_size > 100_000)
            client.send_signal(signal.SIGSTOP)
            yield client
        finally:
            client.send_signal(signal.SIGCONT)
            client.terminate()


def test_exports_and_connections_outlive_it(pair: Service, files: Files, tmp_path: Path) -> None:
    """The workers of before end with their last export, and the folder has one copy of one key."""
    how = ("--cacert", str(files.folder / "authority.pem"))
    whole = pair.curl(ROWS, *how).body
    before = pair.workers()
    folder = Path(before[0].environ()["PROMETHEUS_MULTIPROC_DIR"]).parent
    kept = KeptAlive(pair, files)

    def ask_anew() -> None:
        answer = curl(f"{pair.url}/datasets/items.csv", *how)
        assert (answer.exit, answer.status) == (0, 200)

    bodies = {version: tmp_path / version.strip("-") for version in ("--http1.1", "--http2")}
    with (
        paused(pair, files, bodies["--http1.1"], "--http1.1") as first,
        paused(pair, files, bodies["--http2"], "--http2") as second,
        closing(kept.connection),
        asking(kept.ask) as answers,
        asking(ask_anew) as anew,
    ):
        renewed = files.renew()
        hang_up(pair, "certificate renewed workers=2")
        assert presented(pair) == {renewed.strip()}
        connections, seen = kept.connections, len(answers)
        until(lambda: len(answers) > seen + 1 and len(anew) > 1)
        assert connections <= 3, "it was kept alive"
        # Whoever has no export ends soon, whoever has one does not.
        until(lambda: told(pair, "Stopping worker-") == 2, within=AMPLE)
        assert any(worker.is_running() for worker in before)
        for client in (first, second):
            client.send_signal(signal.SIGCONT)
            assert client.wait(AMPLE) == 0
    assert {body.read_bytes() == whole for body in bodies.values()} == {True}
    until(lambda: not any(worker.is_running() for worker in before), within=AMPLE)
    assert len(pair.workers()) == 2
    assert sorted(path.name for path in folder.glob("*.pem")) == ["certificate-2.pem", "key-2.pem"]


@contextmanager
def begun(service: Service) -> Iterator[psutil.Process]:
    """Send SIGHUP, and yield the first of the workers that are started then, while all are."""
    parent = psutil.Process(service.process.pid)
    before = {child.pid for child in parent.children()}
    service.process.send_signal(signal.SIGHUP)
    yield until(lambda: [child for child in parent.children() if child.pid not in before])[0]


@contextmanager
def frozen(workers: Sequence[psutil.Process]) -> Iterator[None]:
    """Stop every thread of some workers, so that they take no connections."""
    try:
        for worker in workers:
            worker.suspend()
        threads = [thread for worker in workers for thread in Path(f"/proc/{worker.pid}/task").iterdir()]
        until(lambda: all("State:\tT" in (thread / "status").read_text() for thread in threads))
        yield
    finally:
        for worker in workers:
            with suppress(psutil.NoSuchProcess):
                worker.resume()


def unusual(folder: Path) -> tuple[bytes, bytes]:
    """A pair that OpenSSL takes, and the web server does not."""
    command: list[str | Path] = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-521",
        "-nodes",
    ]
    command += ["-keyout", str(folder / "key"), "-out", str(folder / "certificate"), "-subj", "/CN=127.0.0.1"]
    subprocess.run(command, check=True, capture_output=True)
    return (folder / "certificate").read_bytes(), (folder / "key").read_bytes()


def test_a_pair_that_cannot_be_used_is_refused(pair: Service, files: Files, tmp_path: Path) -> None:
    """Those of before go on, also if only one new worker ends; the next pair that can be used is taken."""
    before, workers = presented(pair), pair.workers()
    whole = (files.folder / "certificate.pem").read_bytes()
    files.put(whole, trustme.CA().issue_cert("127.0.0.1").private_key_pem.bytes())
    hang_up(pair, REFUSED)
    assert "do not belong together" in pair.logged(REFUSED)
    files.put(*unusual(tmp_path))
    hang_up(pair, "a new worker exited while starting")
    until(lambda: len(pair.workers()) == 2, within=AMPLE)
    assert presented(pair) == before
    assert pair.workers() == workers
    files.renew()
    refusals, started = told(pair, REFUSED), told(pair, "Started worker-")
    with begun(pair) as fresh, frozen([fresh]):
        until(lambda: told(pair, "Started worker-") > started, within=AMPLE)
        fresh.kill()
    until(lambda: told(pair, REFUSED) > refusals, within=AMPLE)
    until(lambda: pair.workers() == workers, within=AMPLE)
    assert presented(pair) == before
    (files.folder / "key.pem").unlink()
    hang_up(pair, "No such file")
    renewed = files.renew()
    hang_up(pair, "certificate renewed")
    assert presented(pair) == {renewed.strip()}


class Handshake:
    """A client on a slow line, of whose first message only some has arrived."""

    def __init__(self, service: Service, files: Files) -> None:
        address = urlsplit(service.url)
        self._line = socket.create_connection((address.hostname, address.port or 0), timeout=PATIENCE)
        self._received, self._sent = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=files.folder / "authority.pem")
        self._tls = context.wrap_bio(self._received, self._sent, server_hostname="127.0.0.1")
        with suppress(ssl.SSLWantReadError):
            self._tls.do_handshake()
        self._line.sendall(self._sent.read(20))
        self.port: int = self._line.getsockname()[1]

    def status(self) -> bytes:
        """Go on to a request and the head of its answer."""
        with self._line:
            self._exchange(self._tls.do_handshake)
            self._tls.write(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            return self._exchange(self._tls.read)[:12]

    def _exchange(self, step: Callable[[], T]) -> T:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._line.sendall(self._sent.read())
                arrived = self._line.recv(1 << 16)
                assert arrived, "the connection has ended"
                self._received.write(arrived)
            finally:
                self._line.sendall(self._sent.read())


def taken(workers: Sequence[psutil.Process]) -> set[int]:
    """The ports of the clients whose connections some workers have taken."""
    return {end.raddr.port for worker in workers for end in worker.net_connections() if end.raddr}


def current(service: Service) -> Sequence[psutil.Process]:
    """The workers that take connections, which are the youngest two."""
    return sorted(service.workers(), key=psutil.Process.create_time)[-2:]


def test_clients_that_a_worker_has_taken_or_not_are_served(pair: Service, files: Files) -> None:
    """Those in the handshake by the worker that has taken them, those that it cannot take by another."""
    renewals, before = told(pair, "certificate renewed"), current(pair)
    files.renew()
    with begun(pair):
        early = [Handshake(pair, files) for _ in range(8)]
        until(lambda: taken(before) >= {client.port for client in early})
        with frozen(before):
            late = [Handshake(pair, files) for _ in range(8)]
            until(lambda: told(pair, "certificate renewed") > renewals, within=AMPLE)
            assert {client.status() for client in late} == {b"HTTP/1.1 200"}
    assert {client.status() for client in early} == {b"HTTP/1.1 200"}


def test_another_signal_and_a_worker_that_dies_meanwhile(pair: Service, files: Files) -> None:
    files.renew()
    victim = current(pair)[0]
    renewals = told(pair, "certificate renewed")
    with begun(pair):
        victim.kill()
        renewed = files.renew()
        pair.process.send_signal(signal.SIGHUP)
    until(lambda: told(pair, "certificate renewed") == renewals + 2, within=AMPLE)
    assert presented(pair) == {renewed.strip()}
    started = told(pair, "Started worker-")
    hang_up(pair, "certificate unchanged")
    assert told(pair, "Started worker-") == started
    assert told(pair, "Unexpected exit from worker-") == 1
    assert told(pair, "Respawning worker-") == 0, "the one in its place is well"


def test_clients_that_wait_outlive_a_worker_that_dies(pair: Service, files: Files) -> None:
    """This is the last test of these two: Granian ends a service whose workers die again within seconds."""
    workers = current(pair)
    with frozen(workers):
        waiting = [Handshake(pair, files) for _ in range(8)]
        for worker in workers:
            worker.kill()
    assert {client.status() for client in waiting} == {b"HTTP/1.1 200"}


def test_stopping_while_others_are_being_started(source: str, datasets: Path, files: Files) -> None:
    with secured(source, datasets, files) as service:
        folder = Path(service.workers()[0].environ()["PROMETHEUS_MULTIPROC_DIR"]).parent
        files.renew()
        with begun(service):
            service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(AMPLE) == 0
        assert not folder.exists()


def test_stopping_while_an_export_of_before_runs(source: str, datasets: Path, files: Files, tmp_path: Path) -> None:
    """It has the same time to end as all others then."""
    with (
        secured(source, datasets, files, shutdown_timeout="1") as service,
        paused(service, files, tmp_path / "body", "--http1.1") as client,
    ):
        files.renew()
        hang_up(service, "certificate renewed workers=1 retiring=1")
        service.process.send_signal(signal.SIGTERM)
        assert service.process.wait(AMPLE) == 0
        client.send_signal(signal.SIGCONT)
        assert client.wait(AMPLE) == 56
