"""HEAD: the head of a download whose query is not run."""

from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest

from tests.acceptance.service import Service, statements


@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", "arrows"])
def test_head_gives_the_headers_of_get_and_no_length(service: Service, extension: str) -> None:
    got, head = (service.curl(f"/datasets/items.{extension}", *flags) for flags in ([], ["--head"]))
    assert (head.exit, head.status) == (0, 200)
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
    assert service.curl("/datasets/sleep.csv", "--head").status == 200
    assert not statements(source, "sleep")


def test_head_refuses_what_get_would_refuse(service: Service) -> None:
    assert service.curl("/datasets/items.csv?_limit=x", "--head").status == 422
    assert service.curl("/datasets/none.csv", "--head").status == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/datasets", "/datasets/items", "/datasets/items.csv", "/datasets/none.csv", "/healthz", "/openapi.json"],
)
def test_head_has_no_body(service: Service, path: str) -> None:
    """A body would be read as the beginning of the next answer on the same connection."""
    with closing(HTTPConnection(urlsplit(service.url).netloc, timeout=10)) as connection:
        connection.request("HEAD", path)
        assert connection.getresponse().read() == b""
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
