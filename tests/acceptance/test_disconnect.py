"""A client that leaves: its statement ends, its connection serves the next."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.service import PATIENCE, Service, statements, until

versions = pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
SOON = PATIENCE / 2
"""Seconds; it takes a few tenths of one, and the statements take a minute and more by themselves."""


@versions
@pytest.mark.parametrize("path", ["stream.csv", "stream.parquet", "fetched.ndjson", "stream.csv?_compression=zstd"])
def test_client_that_leaves_in_mid_body(service: Service, source: str, tmp_path: Path, path: str, version: str) -> None:
    dataset = path.partition(".")[0]
    body = tmp_path / "body"
    url = f"{service.url}/datasets/{path}{'&' if '?' in path else '?'}rows=9000000"
    with subprocess.Popen(["curl", "-s", version, "--limit-rate", "1M", "-o", body, url]) as curl:
        until(lambda: body.exists() and body.stat().st_size > 100_000)
        assert statements(source, dataset)
        curl.kill()
    until(lambda: not statements(source, dataset), within=SOON)


@versions
@pytest.mark.parametrize("extension", ["csv", "parquet"])
def test_client_that_leaves_before_the_first_row(service: Service, source: str, extension: str, version: str) -> None:
    with subprocess.Popen(["curl", "-s", version, f"{service.url}/datasets/sleep.{extension}"]) as curl:
        until(lambda: statements(source, "sleep"))
        curl.kill()
    until(lambda: not statements(source, "sleep"), within=SOON)


def test_connections_of_those_who_left_are_used_again(service: Service, source: str, tmp_path: Path) -> None:
    """More clients leave than the pool has connections; then as many as it has are served at once."""
    already = len(service.log.read_text())
    for _ in range(10):
        urls = [f"{service.url}/datasets/stream.csv?rows=9000000"] * 4
        curls = [subprocess.Popen(["curl", "-s", url], stdout=subprocess.PIPE) for url in urls]
        for curl in curls:
            with curl:
                assert curl.stdout
                assert curl.stdout.read(100_000)
                curl.kill()
    until(lambda: not statements(source, "stream"), within=SOON)
    urls = [f"{service.url}/datasets/trickle.csv?rows=4"] * 4
    curls = [subprocess.Popen(["curl", "-s", "--fail", "-o", "/dev/null", url]) for url in urls]
    assert [curl.wait(PATIENCE) for curl in curls] == [0] * 4
    assert "outcome=failed" not in service.log.read_text()[already:]
