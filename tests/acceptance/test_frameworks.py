"""An exporter mounted in an application of each framework, under a real server."""

import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from tests.acceptance.hosts.frameworks import ROWS
from tests.acceptance.hosts.served import served
from tests.acceptance.service import Service, curl, stands_still, statements, until

HOSTS = {
    "fastapi": "uvicorn",
    "litestar": "uvicorn",
    "quart": "uvicorn",
    "django": "uvicorn",
    "velithon": "granian",
}


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest, database_url: str) -> Iterator[Service]:
    factory = f"tests.acceptance.hosts.frameworks:{request.param}"
    with served(factory, database_url, "--factory", server=HOSTS[request.param]) as service:
        yield service


def test_the_list_leads_to_the_exports(host: Service) -> None:
    listed = host.curl("/exports/datasets").json()["datasets"]
    (numbers,) = [dataset for dataset in listed if dataset["name"] == "numbers"]
    address = urljoin(f"{host.url}/exports/datasets", numbers["formats"]["csv"]["path"])
    answer = curl(address)
    assert (answer.exit, answer.status) == (0, 200)
    assert answer.text.count("\n") == ROWS + 1
    assert answer.text.splitlines()[-1] == f"{ROWS},{'x' * 100}"


def test_a_description(host: Service) -> None:
    described = host.curl("/exports/datasets/numbers").json()
    assert [column["name"] for column in described["columns"]] == ["i", "text"]


def test_a_content_coding_is_applied_once(host: Service) -> None:
    """The hosts compress, too, in every framework that has the means."""
    plain = host.curl("/exports/datasets/numbers.csv")
    coded = host.curl("/exports/datasets/numbers.csv", "--compressed")
    assert (coded.exit, coded.body) == (0, plain.body)


@pytest.mark.parametrize("accepted", ["identity", "gzip"])
def test_an_export_that_fails_in_mid_body_is_seen_to_fail(host: Service, accepted: str) -> None:
    answer = host.curl("/exports/datasets/failing.csv", "-H", f"accept-encoding: {accepted}")
    assert answer.status == 200
    assert answer.body
    assert answer.exit != 0


def test_a_client_that_leaves_ends_the_statement(host: Service, database_url: str) -> None:
    address = f"{host.url}/exports/datasets/endless.csv"
    with subprocess.Popen(["curl", "-sS", address], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(1)
        assert statements(database_url, "endless")
        process.kill()
    until(lambda: not statements(database_url, "endless"))


def test_a_client_that_reads_nothing_slows_the_database_down(host: Service, database_url: str) -> None:
    with socket.create_connection(("127.0.0.1", int(host.url.rpartition(":")[2]))) as client:
        client.sendall(b"GET /exports/datasets/endless.csv HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert client.recv(1)
        stands_still(database_url)
        assert statements(database_url, "endless")
    until(lambda: not statements(database_url, "endless"))


def test_arguments_and_what_is_wrong_with_them(host: Service) -> None:
    assert host.curl("/exports/datasets/since.csv?first=2").text.split() == ["i", "2", "3"]
    wrong = host.curl("/exports/datasets/since.csv?first=two")
    assert (wrong.status, wrong.headers["content-type"]) == (422, "application/problem+json")


def test_the_prefix_is_in_the_openapi_document_and_in_links(host: Service) -> None:
    assert host.curl("/exports/openapi.json").json()["servers"] == [{"url": "/exports"}]
    page = host.curl("/exports/")
    assert (page.status, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert 'href="datasets/numbers.csv"' in page.text
    head = host.curl("/exports/datasets/numbers.csv", "-r", "0-").headers
    assert '<numbers>; rel="describedby"' in head["link"]


def test_without_its_slash_the_page_is_where_its_links_lead_somewhere(host: Service) -> None:
    answer = host.curl("/exports")
    assert answer.status in (301, 307, 308)
    assert urljoin(f"{host.url}/exports", answer.headers["location"]) == f"{host.url}/exports/"


def test_what_is_beside_the_prefix_is_the_host_s(host: Service) -> None:
    assert host.curl("/exportsdatasets").status == 404
    assert host.curl("/exports/none").json()["type"] == "urn:exporter:problem:not-found"
    beside = host.curl("/datasets")
    assert beside.status == 404
    assert "urn:exporter" not in beside.text


@pytest.mark.parametrize("framework", ["fastapi", "litestar", "quart", "django"])
def test_below_a_path_of_a_proxy(framework: str, database_url: str) -> None:
    factory = f"tests.acceptance.hosts.frameworks:{framework}"
    with served(factory, database_url, "--factory", "--root-path", "/api") as service:
        # Uvicorn puts the root path before the path that it is asked for.
        assert service.curl("/exports/openapi.json").json()["servers"] == [{"url": "/api/exports"}]
        assert service.curl("/exports/datasets/numbers.csv?_limit=1").text.count("\n") == 2


def test_django_under_a_server_without_a_lifespan(database_url: str) -> None:
    factory = "tests.acceptance.hosts.frameworks:django"
    with served(factory, database_url, "--factory", "--lifespan", "off") as service:
        assert service.curl("/exports/datasets/numbers.csv?_limit=1").text.count("\n") == 2


def test_velithon_s_own_endpoints_are_served_as_before(database_url: str) -> None:
    factory = "tests.acceptance.hosts.frameworks:velithon"
    with served(factory, database_url, "--factory", server="granian") as service:
        answer = service.curl("/hello", "-X", "GET", "-d", "a body, which an exporter refuses")
        assert (answer.status, answer.text) == (200, "hello")
        assert "content-security-policy" not in answer.headers
