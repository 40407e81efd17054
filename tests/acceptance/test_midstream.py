"""Failure after the first byte: every client sees that the body is incomplete, and none of it is error text."""

import subprocess
from pathlib import Path

import pytest

from tests.acceptance.cut import CUT_OFF, cut_off, versions
from tests.acceptance.service import Service, fetch, statements, until


@versions
@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet?_row_group_size=5000&_compression=none", "arrows"])
def test_query_that_fails_late(service: Service, extension: str, version: str) -> None:
    path = f"/datasets/late.{extension}"
    cut_off(service.curl(path, version), version)


@versions
@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_compressed_body(service: Service, coding: str, version: str) -> None:
    cut_off(service.curl("/datasets/late.csv", version, "-H", f"Accept-Encoding: {coding}"), version)


@versions
@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_compressed_file(service: Service, codec: str, version: str) -> None:
    cut_off(service.curl(f"/datasets/late.csv?_compression={codec}", version), version)


@versions
@pytest.mark.parametrize("extension", ["parquet?_row_group_size=5000&_compression=none", "arrows"])
def test_value_that_does_not_fit_its_type(service: Service, extension: str, version: str) -> None:
    cut_off(service.curl(f"/datasets/infinity.{extension}", version), version)


@versions
@pytest.mark.parametrize("dataset", ["invalid", "changing"])
@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet?_row_group_size=5000&_compression=none", "arrows"])
def test_text_that_is_not_utf8_and_settings_that_change(
    service: Service, dataset: str, extension: str, version: str
) -> None:
    cut_off(service.curl(f"/datasets/{dataset}.{extension}", version), version)


def logged(service: Service, path: str) -> str:
    export = service.curl(path).headers["export-id"]
    line = service.logged(f"id={export}")
    assert "outcome=failed" in line
    return line


def test_the_log_tells_row_and_column_of_the_value(service: Service) -> None:
    line = logged(service, "/datasets/infinity.arrows")
    assert "30000" in line or "29999" in line
    for extension in ("csv", "ndjson"):
        assert "column 'a', row 30000: the text in the database is not valid UTF-8" in logged(
            service, f"/datasets/invalid.{extension}"
        )
    assert "the query has changed TimeZone" in logged(service, "/datasets/changing.csv")


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
def test_before_the_first_byte_the_caller_is_told(service: Service, extension: str) -> None:
    for path, problem, detail in (
        (
            f"/datasets/invalid.{extension}?bad=3",
            "unrepresentable-value",
            "column 'a', row 3: the text in the database",
        ),
        (
            f"/datasets/changing.{extension}?bad=3",
            "query-rejected",
            "changes settings that affect the output: TimeZone.",
        ),
    ):
        answer = service.curl(path)
        told = answer.json()
        assert (answer.status, told["type"]) == (409, f"urn:exporter:problem:{problem}")
        assert detail in told["detail"]


@versions
@pytest.mark.parametrize("dataset", ["stream", "fetched"])
def test_backend_that_is_terminated(service: Service, source: str, tmp_path: Path, dataset: str, version: str) -> None:
    body, url = tmp_path / "body", f"{service.url}/datasets/{dataset}.csv?rows=3000000"
    command: list[str | Path] = ["curl", "-s", version, "--limit-rate", "20M", "-o", body, url]
    with subprocess.Popen(command) as curl:
        until(lambda: body.exists() and body.stat().st_size > 1_000_000)
        (backend,) = until(lambda: statements(source, dataset))
        assert fetch(source, "SELECT pg_terminate_backend($1)", backend)[0][0]
        exit_code = curl.wait(20)
    assert exit_code in CUT_OFF[version]
    assert b"terminat" not in body.read_bytes()
    assert service.curl("/datasets/items.csv").status == 200


def test_nothing_is_lost_of_the_connections(service: Service) -> None:
    """More failures than the pool has connections."""
    for _ in range(6):
        assert service.curl("/datasets/late.csv?bad=5000").exit == 56
    assert service.curl("/datasets/items.csv").status == 200
