"""The format by Accept."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.acceptance.problems import problem
from tests.acceptance.service import Service


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/csv", "text/csv"),
        ("application/x-ndjson", "application/x-ndjson"),
        ("application/jsonl", "application/x-ndjson"),
        ("application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("application/vnd.apache.arrow.stream", "application/vnd.apache.arrow.stream"),
        ("text/csv;q=0.5, application/x-ndjson", "application/x-ndjson"),
        ("text/csv;q=0.5, application/json;q=0.1", "text/csv"),
        ("text/*;q=0.1, text/html;q=0, application/x-ndjson;q=0.05", "text/csv"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("text/csv;q=0, */*", "application/json"),
        ("application/json;q=0, */*", "text/csv"),
        ("application/*;q=0, */*;q=0.1", "text/csv"),
        # As browsers do.
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
    ],
)
def test_accept_chooses(service: Service, accept: str, content_type: str) -> None:
    answer = service.curl("/datasets/items", "-H", f"Accept: {accept}")
    assert answer.status == 200
    assert answer.headers["content-type"].partition(";")[0] == content_type
    assert "accept" in answer.headers["vary"].lower()


def test_several_accept_headers_are_one_list(service: Service) -> None:
    answer = service.curl("/datasets/items", "-H", "Accept: image/png", "-H", "Accept: text/csv")
    assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, "text/csv")


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "application/pdf, image/*", "text/html"])
def test_unacceptable(service: Service, accept: str) -> None:
    answer = service.curl("/datasets/items", "-H", f"Accept: {accept}")
    assert answer.status == 406
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:exporter:problem:not-acceptable"
    assert "text/csv" in problem["detail"]
    assert "application/vnd.apache.parquet" in problem["detail"]


OFFERED = {
    "/": "text/html",
    "/datasets": "application/json",
    "/openapi.json": "application/json",
    "/healthz": "application/json",
    "/readyz": "application/json",
    "/metrics": "text/plain",
}


@pytest.mark.parametrize(("path", "offered"), OFFERED.items())
@pytest.mark.parametrize("how", [(), ("--head",)])
def test_nothing_is_sent_that_is_not_accepted(service: Service, path: str, offered: str, how: Sequence[str]) -> None:
    for accept in ("image/png", f"{offered};q=0, */*", "text/*;q=0, application/*;q=0", "application/xml, text/csv"):
        answer = service.curl(path, "-H", f"Accept: {accept}", *how)
        assert (answer.status, answer.headers["content-type"]) == (406, "application/problem+json")
        assert "accept" in answer.headers["vary"].lower()
        assert how or offered in problem(answer, 406, "not-acceptable")["detail"]
    for accept in (offered, "*/*", f"{offered.partition('/')[0]}/*;q=0.1, image/png", f"{offered};charset=utf-8", ""):
        answer = service.curl(path, "-H", f"Accept: {accept}" if accept else "Accept;", *how)
        assert (answer.status, answer.headers["content-type"].partition(";")[0]) == (200, offered)
        assert "accept" in answer.headers["vary"].lower()


def test_problems_are_sent_whatever_is_accepted(service: Service) -> None:
    for path in ("/nothing", "/datasets/none", "/datasets/none.csv"):
        problem(
            service.curl(path, "-H", "Accept: text/html"), 404, service.curl(path).json()["type"].rpartition(":")[2]
        )


def test_the_extension_decides_whatever_accept_says(service: Service) -> None:
    answer = service.curl("/datasets/items.csv", "-H", "Accept: application/json")
    assert answer.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("path", "header"), [("/datasets/items", "Accept"), ("/datasets/items.csv", "Accept-Encoding")]
)
def test_lists_that_nobody_sends(service: Service, tmp_path: Path, path: str, header: str) -> None:
    """As long as the web server lets through."""
    for members in ("a," * 195_000, "a;q=0.1," * 48_000):
        (tmp_path / "headers").write_text(f"{header}: {members}")
        document = problem(service.curl(path, "-H", f"@{tmp_path / 'headers'}"), 431, "headers-too-long")
        assert header in document["detail"]
    assert service.curl(path, "-H", f"{header}: {'a,' * 4_000}*/*").status == 200


def test_many_arguments(service: Service, tmp_path: Path) -> None:
    """Read beside the event loop, and with the same answers."""
    (tmp_path / "headers").write_text(f"X-Forwarded-For: {'127.0.0.1,' * 39_000}")
    many = "&".join(["day=2024-01-01"] * 1_900)
    document = problem(service.curl(f"/datasets/typed.csv?{many}"), 422, "invalid-parameters")
    assert [fault["parameter"] for fault in document["errors"]] == ["day"]
    assert service.curl(f"/datasets/typed.csv?day=2024-01-01&_filename={'x' * 150}&_null={'x' * 3_000}").status == 200
    problem(service.curl("/datasets/items", "-H", f"@{tmp_path / 'headers'}"), 403, "loopback-only")
