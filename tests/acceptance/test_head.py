"""HEAD: the head of what GET is answered with; of an export, whose query is not run."""

from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest

from tests.acceptance.fronts import nginx
from tests.acceptance.raw import answered
from tests.acceptance.service import Service, statements

EVERYTHING = [
    "/", "/datasets", "/datasets/items", "/healthz", "/readyz", "/openapi.json", "/metrics",
    "/datasets/items.csv", "/datasets/big.csv", "/datasets/items.ndjson", "/datasets/items.parquet",
    "/datasets/items.arrows",
    "/nothing", "/datasets/none", "/datasets/none.csv", "/datasets/items.xlsx", "/datasets/items.csv?_limit=x",
    "/datasets/echo.csv?word=%ff", "/datasets/items?word=x",
]  # fmt: skip


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


@pytest.mark.parametrize("path", EVERYTHING)
def test_head_has_no_body(service: Service, path: str) -> None:
    """A body would be read as the beginning of the next answer on the same connection."""
    lines = f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n", "\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    answer = answered(service, "".join((*lines, "Connection: close\r\n\r\n")).encode())
    _, following, rest = answer.partition(b"\r\n\r\n")
    assert following
    assert rest.startswith(b"HTTP/1.1 200 ")
    assert rest.endswith(b'{"status":"ok"}')


@pytest.fixture(scope="module", params=["http/1.1", "http/2", "nginx"])
def client(
    request: pytest.FixtureRequest, service: Service, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of the suite's service that keeps its connection."""
    with ExitStack() as stack:
        url = service.url
        if request.param == "nginx":
            url = stack.enter_context(nginx(service, tmp_path_factory.mktemp("nginx")))
        newer = request.param == "http/2"
        yield stack.enter_context(httpx.Client(base_url=url, http1=not newer, http2=newer, trust_env=False))


@pytest.mark.parametrize("path", EVERYTHING)
def test_head_is_get_without_its_body(client: httpx.Client, path: str) -> None:
    got, head = client.get(path), client.head(path)
    assert head.content == b""
    assert (head.status_code, head.http_version) == (got.status_code, got.http_version)
    varying = {"date", "export-id", "transfer-encoding"}
    if path == "/metrics":  # they count the request before
        varying |= {"content-length"}
    assert head.headers.keys() - varying == got.headers.keys() - varying
    assert all(head.headers[name] == got.headers[name] for name in got.headers.keys() - varying)
