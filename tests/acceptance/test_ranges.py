"""Who resumes an export is refused, whether or not they would look at the answer."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.service import Service, fetch, statements, until

URN = "urn:exporter:problem:not-resumable"


def test_a_part_is_refused_and_no_query_runs(service: Service) -> None:
    answer = service.curl("/datasets/items.csv", "-H", "Range: bytes=5-")
    assert (answer.status, answer.json()["type"]) == (409, URN)
    assert answer.headers["accept-ranges"] == "none"
    assert "export-id" not in answer.headers


@pytest.mark.parametrize("given", ["bytes=0-", "bytes=0-9", "rows=5-"])
def test_what_is_no_such_part_is_the_whole(service: Service, given: str) -> None:
    answer = service.curl("/datasets/items.csv", "-H", f"Range: {given}")
    assert (answer.status, answer.body) == (200, service.curl("/datasets/items.csv").body)


def test_a_head_and_a_description_have_no_parts_to_refuse(service: Service) -> None:
    assert service.curl("/datasets/items.csv", "--head", "-H", "Range: bytes=5-").status == 200
    assert service.curl("/datasets/items", "-H", "Range: bytes=5-").status == 200


def test_wget_does_not_join_two_runs(service: Service, source: str, tmp_path: Path, wget: str) -> None:
    """It tries again by itself, from where it was cut, and takes any answer but an error for the rest."""
    body, url = tmp_path / "body", f"{service.url}/datasets/stream.csv?rows=300000"
    command: list[str | Path] = [wget, "-nv", "--tries=3", "--waitretry=0", "--limit-rate=20m", "-O", body, url]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        until(lambda: body.exists() and body.stat().st_size > 1_000_000)
        (backend,) = until(lambda: statements(source, "stream"))
        assert fetch(source, "SELECT pg_terminate_backend($1)", backend)[0][0]
        _, said = process.communicate(timeout=60)
    assert process.returncode == 8, said
    assert b"409" in said


@pytest.mark.parametrize("file", ["csv", "parquet", "csv?_compression=gzip"])
def test_whoever_continues_a_file_is_told_that_it_cannot_be(
    service: Service, tmp_path: Path, wget: str, file: str
) -> None:
    part, url = service.curl("/datasets/big.csv").body[:100_000], f"{service.url}/datasets/big.{file}"
    for command, code in ((["curl", "-sSf", "-C", "-", "-o"], 22), ([wget, "-nv", "-c", "-O"], 8)):
        (tmp_path / "body").write_bytes(part)
        done = subprocess.run([*command, tmp_path / "body", url], check=False, capture_output=True, timeout=60)
        assert done.returncode == code, done.stderr
        assert b"409" in done.stderr
        assert (tmp_path / "body").read_bytes() == part


def test_curl_that_continues_without_failing_on_errors_fails_too(service: Service, tmp_path: Path) -> None:
    (tmp_path / "body").write_bytes(b"id,name\n" * 100)
    command: list[str | Path] = ["curl", "-sS", "-C", "-", "-o", tmp_path / "body", f"{service.url}/datasets/big.csv"]
    assert subprocess.run(command, check=False, timeout=60).returncode == 33
