"""HTTPS by the service itself: both versions of HTTP, aborts that stay visible, and files that cannot be used."""

import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trustme

from benchmarks.environment import environment
from exporter.process.tls import Tls
from tests.acceptance.service import COMMAND, Service, free_port, running, tls_options

CUT_OFF = {"--http1.1": {56}, "--http2": {92}}
"""curl's exit codes: the connection was reset; a stream was."""

versions = pytest.mark.parametrize("version", CUT_OFF)


@pytest.fixture(scope="module")
def secured(source: str, datasets: Path, certificates: Path) -> Iterator[Service]:
    with pytest.MonkeyPatch.context() as patched:
        # What the suite's own client trusts while it waits for the service.
        patched.setenv("SSL_CERT_FILE", str(certificates / "authority.pem"))
        with running(source, datasets, *tls_options(certificates), scheme="https") as started:
            yield started


@versions
def test_an_export_is_whole(secured: Service, certificates: Path, version: str) -> None:
    how = (version, "--cacert", str(certificates / "authority.pem"))
    answer = secured.curl("/datasets/big.csv", *how)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.body.count(b"\n") == 50_001
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@versions
def test_a_failure_in_mid_body_is_visible(secured: Service, certificates: Path, version: str) -> None:
    answer = secured.curl("/datasets/late.csv", version, "--cacert", str(certificates / "authority.pem"))
    assert answer.status == 200
    assert answer.exit in CUT_OFF[version]
    assert len(answer.body) > 100_000
    assert b"division" not in answer.body


def test_who_does_not_trust_the_authority_gets_nothing(secured: Service, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    assert secured.curl("/datasets/items.csv", "--cacert", str(tmp_path / "other.pem")).exit == 60


def handshake(service: Service, certificates: Path, newest: ssl.TLSVersion) -> str | None:
    context = ssl.create_default_context(cafile=certificates / "authority.pem")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = newest
    context.set_ciphers("ALL:@SECLEVEL=0")
    address = urlsplit(service.url)
    with (
        socket.create_connection((address.hostname, address.port or 0), timeout=20) as connection,
        context.wrap_socket(connection, server_hostname="127.0.0.1") as secure,
    ):
        return secure.version()


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_1_2_is_the_oldest(secured: Service, certificates: Path) -> None:
    assert handshake(secured, certificates, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
    with pytest.raises((ssl.SSLError, ConnectionError)):
        handshake(secured, certificates, ssl.TLSVersion.TLSv1_1)


def test_plain_http_is_not_answered(secured: Service) -> None:
    with socket.create_connection(("127.0.0.1", urlsplit(secured.url).port or 0), timeout=20) as connection:
        connection.sendall(b"GET /datasets/items.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(ConnectionError):
            assert b"HTTP/1.1 200" not in connection.recv(1000)


def test_files_that_cannot_be_used_are_refused_with_the_reason(certificates: Path, tmp_path: Path) -> None:
    certificate, key = certificates / "certificate.pem", certificates / "key.pem"
    Tls(certificate, key).check()
    trustme.CA().issue_cert("127.0.0.1").private_key_pem.write_to_path(tmp_path / "other.pem")
    with pytest.raises(ValueError, match=r"other\.pem do not belong together"):
        Tls(certificate, tmp_path / "other.pem").check()
    readable = tmp_path / "readable.pem"
    readable.write_bytes(key.read_bytes())
    readable.chmod(0o644)
    with pytest.raises(ValueError, match=r"read by everybody.*: chmod g-w,o= "):
        Tls(certificate, readable).check()
    with pytest.raises(ValueError, match=r"certificate\.pem contains no PEM private key"):
        Tls(certificate, certificate).check()
    with pytest.raises(ValueError, match=r"key\.pem contains no PEM certificate"):
        Tls(key, key).check()
    locked, damaged = tmp_path / "locked.pem", tmp_path / "damaged.pem"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n-----END ENCRYPTED PRIVATE KEY-----\n")
    with pytest.raises(ValueError, match=r"locked\.pem is encrypted"):
        Tls(certificate, locked).check()
    damaged.write_text("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
    with pytest.raises(ValueError, match=r"damaged\.pem and .* contain no usable PEM"):
        Tls(damaged, key).check()


def test_a_start_with_a_file_that_is_not_there_names_it(datasets: Path, certificates: Path, tmp_path: Path) -> None:
    command: list[str | Path] = [
        COMMAND,
        "serve",
        "--database-url",
        "postgresql:///x",
        "--datasets",
        datasets,
        "--port",
        str(free_port()),
    ]
    command += ["--tls-certificate", certificates / "certificate.pem", "--tls-key", tmp_path / "none.pem"]
    done = subprocess.run(command, check=False, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == 1
    assert done.stderr.decode() == f"exporter: cannot serve HTTPS: {tmp_path / 'none.pem'}: No such file or directory\n"


def test_a_start_without_the_key_says_so_in_one_line(datasets: Path, certificates: Path) -> None:
    command: list[str | Path] = [
        COMMAND,
        "serve",
        "--database-url",
        "postgresql:///x",
        "--datasets",
        datasets,
        "--port",
        str(free_port()),
    ]
    command += ["--tls-certificate", certificates / "certificate.pem"]
    done = subprocess.run(command, check=False, capture_output=True, env=environment(), timeout=60)
    assert done.returncode == 1
    assert done.stderr.decode() == "exporter: use --tls-certificate and --tls-key together\n"
