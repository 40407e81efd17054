"""Behind a real nginx and a real Caddy, set up as `deploy/` does: aborts stay visible, and nothing is gathered."""

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.acceptance.fronts import program
from tests.acceptance.service import Answer, Service, curl, free_port, stands_still, statements, until

DEPLOY = Path(__file__).parents[2] / "deploy"

CUT_OFF = {"--http1.1": {18, 56}, "--http2": {92}}
versions = pytest.mark.parametrize("version", CUT_OFF)


@dataclass(frozen=True)
class Front:
    """A running proxy."""

    port: int
    process: "subprocess.Popen[bytes]"
    folder: Path
    authority: Path

    def curl(self, path: str, *arguments: str) -> Answer:
        return curl(f"https://127.0.0.1:{self.port}{path}", "--cacert", str(self.authority), *arguments)

    def memory(self) -> int:
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return sum(process.memory_info().rss for process in family)

    def stored(self) -> list[Path]:
        """Return the temporary files that it writes to: nginx removes their names at once."""
        opened = [path.readlink() for path in Path(f"/proc/{self.process.pid}/fd").glob("*") if path.is_symlink()]
        return [path for path in opened if path.is_relative_to(self.folder / "temporary")]


@contextmanager
def listening(command: list[str], port: int, folder: Path, certificates: Path) -> Iterator[Front]:
    with (folder / "log").open("wb") as log:
        home = os.environ | {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=home, cwd=folder)
    front = Front(port, process, folder, certificates / "authority.pem")
    with process:
        try:
            until(lambda: _answers(front))
            yield front
        finally:
            process.terminate()


def _answers(front: Front) -> bool:
    assert front.process.poll() is None, (front.folder / "log").read_text()
    return front.curl("/healthz").status == 200


def nginx(service: Service, certificates: Path, folder: Path) -> tuple[list[str], int]:
    """Write the configuration that is documented, with only its addresses and files replaced."""
    port, executable = free_port(), program("nginx")
    written = (DEPLOY / "nginx.conf").read_text()
    for example, ours in (
        ("server 127.0.0.1:8000", f"server 127.0.0.1:{urlsplit(service.url).port}"),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/exports.pem", str(certificates / "certificate.pem")),
        ("/etc/ssl/exports.key", str(certificates / "key.pem")),
    ):
        assert example in written
        written = written.replace(example, ours)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"{kind}_temp_path {folder}/temporary/{kind};" for kind in kinds)
    (folder / "temporary").mkdir()
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log stderr;\n"
        f"events {{}}\nhttp {{ access_log off;\n{places}\n{written}\n}}\n"
    )
    return [executable, "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", "stderr"], port


def caddy(service: Service, certificates: Path, folder: Path) -> tuple[list[str], int]:
    """Write the configuration that is documented, with only its addresses and its certificate replaced."""
    port, executable = free_port(), program("caddy")
    version = subprocess.run([executable, "version"], check=True, capture_output=True, text=True, timeout=20).stdout
    if [int(number) for number in re.findall(r"\d+", version)[:2]] < [2, 8]:
        pytest.skip("Caddy before 2.8 ends a body that was given up as if it were whole")
    written = (DEPLOY / "Caddyfile").read_text()
    site = f"https://127.0.0.1:{port} {{\n\ttls {certificates / 'certificate.pem'} {certificates / 'key.pem'}"
    for example, ours in (
        ("127.0.0.1:8000", f"127.0.0.1:{urlsplit(service.url).port}"),
        ("exports.example.com {", site),
    ):
        assert example in written
        written = written.replace(example, ours)
    (folder / "temporary").mkdir()
    (folder / "Caddyfile").write_text("{\n\tadmin off\n\tauto_https disable_redirects\n}\n" + written)
    return [executable, "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")], port


@pytest.fixture(scope="module", params=[nginx, caddy], ids=["nginx", "caddy"])
def front(
    request: pytest.FixtureRequest, service: Service, certificates: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Front]:
    folder = tmp_path_factory.mktemp(request.param.__name__)
    command, port = request.param(service, certificates, folder)
    with listening(command, port, folder, certificates) as running:
        yield running


@versions
def test_an_export_is_whole(front: Front, service: Service, version: str) -> None:
    answer = front.curl("/datasets/big.csv", version)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.body == service.curl("/datasets/big.csv").body
    assert answer.headers["strict-transport-security"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@versions
@pytest.mark.parametrize("path", ["late.csv", "late.ndjson?_compression=gzip", "infinity.arrows"])
def test_a_failure_in_mid_body_stays_visible(front: Front, path: str, version: str) -> None:
    answer = front.curl(f"/datasets/{path}", version)
    assert answer.status == 200
    assert answer.exit in CUT_OFF[version]
    assert len(answer.body) > 50_000


@versions
def test_problems_and_compression_pass_through(front: Front, version: str) -> None:
    wrong = front.curl("/datasets/items.csv?_limit=x", version)
    assert (wrong.status, wrong.headers["content-type"]) == (422, "application/problem+json")
    packed = front.curl("/datasets/big.csv", version, "-H", "Accept-Encoding: zstd")
    assert packed.headers["content-encoding"] == "zstd"
    assert front.curl(f"/datasets/echo.csv?word={'x' * 50_000}", version).text == f"word\n{'x' * 50_000}\n"


def test_a_reader_that_stops_slows_the_database_and_fills_nothing(front: Front, source: str) -> None:
    idle = front.memory()
    context = ssl.create_default_context(cafile=front.authority)
    with (
        socket.create_connection(("127.0.0.1", front.port), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as reader,
    ):
        reader.sendall(b"GET /datasets/large.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert reader.recv(1000).startswith(b"HTTP/1.1 200")
        stands_still(source)
        assert statements(source, "large")
        assert front.stored() == []
        assert front.memory() - idle < 40 * 2**20
    until(lambda: not statements(source, "large"))
