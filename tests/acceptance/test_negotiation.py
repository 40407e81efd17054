"""The format by Accept."""

import pytest

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


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "application/pdf, image/*"])
def test_unacceptable(service: Service, accept: str) -> None:
    answer = service.curl("/datasets/items", "-H", f"Accept: {accept}")
    assert answer.status == 406
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"] == "urn:exporter:problem:not-acceptable"
    assert "text/csv" in problem["detail"]
    assert "application/vnd.apache.parquet" in problem["detail"]


def test_the_extension_decides_whatever_accept_says(service: Service) -> None:
    answer = service.curl("/datasets/items.csv", "-H", "Accept: application/json")
    assert answer.headers["content-type"].startswith("text/csv")
