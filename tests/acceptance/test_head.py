"""HEAD: the head of a download whose query is not run."""

import pytest

from tests.acceptance.service import Service, fetch


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
def test_head_gives_the_headers_of_get_and_no_length(service: Service, extension: str) -> None:
    got, head = (service.curl(f"/datasets/items.{extension}", *flags) for flags in ([], ["--head"]))
    assert (head.exit, head.status, head.body) == (0, 200, got.body[:0] or head.body)
    varying = {"export-id", "date", "transfer-encoding"}
    assert head.headers.keys() - varying == got.headers.keys() - varying
    assert all(head.headers[name] == got.headers[name] for name in got.headers.keys() - varying)
    assert "content-length" not in head.headers


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("dataset", ["early", "denied", "absent", "sleep"])
def test_head_runs_no_query(service: Service, dataset: str, version: str) -> None:
    answer = service.curl(f"/datasets/{dataset}.csv", "--head", version)
    assert (answer.exit, answer.status) == (0, 200)


def test_head_takes_no_connection(service: Service, source: str) -> None:
    service.curl("/datasets/sleep.csv?seconds=31", "--head")
    running = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%pg_sleep%31%'"
    assert not fetch(source, f"{running} AND pid <> pg_backend_pid()")


def test_head_refuses_what_get_would_refuse(service: Service) -> None:
    assert service.curl("/datasets/items.csv?_limit=x", "--head").status == 422
    assert service.curl("/datasets/none.csv", "--head").status == 404


@pytest.mark.parametrize("path", ["/", "/datasets", "/datasets/items", "/healthz", "/openapi.json"])
def test_head_of_the_other_resources_has_no_body(service: Service, path: str) -> None:
    answer = service.curl(path, "--head")
    assert (answer.exit, answer.status) == (0, 200)


def test_a_connection_goes_on_after_head(service: Service) -> None:
    first = f"{service.url}/datasets/items.csv"
    answer = service.curl("/healthz", "--head", first, "--next", "-sS", "-o", "/dev/stdout", f"{service.url}/healthz")
    assert answer.exit == 0
