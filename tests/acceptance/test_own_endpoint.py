"""An export as the response of a host's own endpoint: `Exporter.response`."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.hosts.frameworks import ROWS
from tests.acceptance.hosts.served import served
from tests.acceptance.service import Service, statements, until

HOSTS = {"starlette": "uvicorn", "fastapi": "uvicorn", "velithon": "granian"}


@pytest.fixture(scope="module", params=HOSTS)
def host(request: pytest.FixtureRequest, database_url: str) -> Iterator[Service]:
    factory = f"tests.acceptance.hosts.frameworks:{request.param}"
    with served(factory, database_url, "--factory", server=HOSTS[request.param]) as service:
        yield service


@pytest.fixture(scope="module")
def starlette(database_url: str) -> Iterator[Service]:
    with served("tests.acceptance.hosts.frameworks:starlette", database_url, "--factory") as service:
        yield service


def test_it_is_the_download_of_a_mounted_exporter(host: Service) -> None:
    own, mounted = host.curl("/own/numbers"), host.curl("/exports/datasets/numbers.csv")
    assert (own.exit, own.status) == (0, 200)
    assert own.body == mounted.body
    assert own.text.count("\n") == ROWS + 1
    ours = {name: value for name, value in mounted.headers.items() if name not in ("date", "export-id", "link")}
    assert {name: own.headers.get(name) for name in ours} == ours
    assert own.headers["export-id"] != mounted.headers["export-id"]
    assert "link" not in own.headers  # which would lead to the description from the wrong place


def test_what_fails_before_the_first_byte_is_a_problem_document(host: Service) -> None:
    answer = host.curl("/own/none")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/problem+json")
    assert "numbers" in answer.json()["detail"]


def test_what_fails_later_is_visible(host: Service) -> None:
    answer = host.curl("/own/failing")
    assert answer.status == 200
    assert answer.body
    assert answer.exit != 0


def test_a_client_that_leaves_ends_the_statement(host: Service, database_url: str) -> None:
    with subprocess.Popen(["curl", "-sS", f"{host.url}/own/endless"], stdout=subprocess.PIPE) as curl:
        assert curl.stdout is not None
        assert curl.stdout.read(1)
        assert statements(database_url, "endless")
        curl.kill()
    until(lambda: not statements(database_url, "endless"))


def test_arguments_and_options_are_those_of_run(starlette: Service) -> None:
    answer = starlette.curl("/own/since?first=2")
    assert answer.text.split() == ["i", "2", "3"]
    assert "since-2-" in answer.headers["content-disposition"]
    answer = starlette.curl("/own/numbers?limit=2&format=ndjson")
    assert answer.text.count("\n") == 2
    wrong = starlette.curl("/own/since?first=two&last=3")
    assert wrong.status == 422
    assert {fault["parameter"] for fault in wrong.json()["errors"]} == {"first", "last"}
    assert starlette.curl("/own/numbers?format=none").status == 404


def test_any_method_that_the_endpoint_has(starlette: Service) -> None:
    posted = starlette.curl("/own/since", "-d", "a body")
    assert (posted.exit, posted.status, posted.text) == (0, 200, "i\n1\n2\n3\n")
    head = starlette.curl("/own/since", "-I")
    assert (head.exit, head.status) == (0, 200)
    assert "export-id" in head.headers
    assert "content-length" not in head.headers


def test_the_file_has_the_name_that_the_endpoint_gives_and_the_headers_that_it_sets(starlette: Service) -> None:
    answer = starlette.curl("/named")
    assert "filename*=UTF-8''gr%C3%B6%C3%9Fe.csv" in answer.headers["content-disposition"]
    assert answer.headers["set-cookie"].startswith("seen=1")
    assert answer.headers["cache-control"] == "max-age=60"
    assert answer.text.count("\n") == 2


def test_a_caller_has_only_what_they_may_read(starlette: Service) -> None:
    assert starlette.curl("/forbidden").status == 404


def test_no_content_coding_unless_it_is_asked_for(starlette: Service) -> None:
    answer = starlette.curl("/own/numbers", "-H", "accept-encoding: gzip, zstd")
    assert "content-encoding" not in answer.headers


def test_middleware_that_hides_failures_does_not_within_the_guard(database_url: str) -> None:
    factory = "tests.acceptance.hosts.frameworks:fastapi_with_middleware"
    with served(factory, database_url, "--factory") as service:
        failing = service.curl("/own/failing")
        assert failing.body
        assert failing.exit != 0
        assert service.curl("/own/numbers").exit == 0


def test_middleware_that_hides_failures_gets_no_export_without_the_guard(database_url: str) -> None:
    factory = "tests.acceptance.hosts.frameworks:fastapi_with_middleware"
    with served(factory, database_url, "--factory", settings={"HOST_GUARD": "0"}) as service:
        answer = service.curl("/own/numbers")
        assert (answer.status, answer.headers["content-type"]) == (500, "application/problem+json")
        assert "serve exporter.guard(application)" in service.logged("exports are refused")


@pytest.mark.parametrize("path", ["/own/failing", "/exports/datasets/failing.csv"])
def test_hypercorn_resets_the_stream_of_http_2(database_url: str, path: str) -> None:
    """Where the application only raised, the client would wait until its connection is idle."""
    with served("tests.acceptance.hosts.frameworks:velithon()", database_url, server="hypercorn") as service:
        answer = service.curl(path, "--http2-prior-knowledge")
        assert (answer.exit, answer.status) == (92, 200)
