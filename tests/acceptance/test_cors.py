"""Pages of other origins: none may read anything until it is allowed, then they can read all that is ours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError

from exporter.http.cors import Cors
from exporter.http.headers import EXPOSED
from exporter.settings.settings import Settings
from tests.acceptance.headers import ANSWERS, EVERYWHERE, SAFELISTED, TRANSPORT
from tests.acceptance.service import Answer, Service, running

OURS, OTHER = "https://reports.example.com", "https://evil.example.com"


@pytest.fixture(scope="module")
def open_to_one(source: str, datasets: Path) -> Iterator[Service]:
    with running(source, datasets, settings={"cors_origins": f"{OURS}, http://localhost:3000"}) as started:
        yield started


def asked(service: Service, path: str, origin: str, *how: str) -> Answer:
    return service.curl(path, "-H", f"Origin: {origin}", *how)


def preflight(service: Service, origin: str) -> Answer:
    question = ("-H", "Access-Control-Request-Method: GET", "-H", "Access-Control-Request-Headers: authorization")
    return asked(service, "/datasets/items.csv", origin, "-X", "OPTIONS", *question)


def permissions(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", ANSWERS)
def test_an_origin_that_is_named_may_read_every_answer(open_to_one: Service, path: str) -> None:
    for origin in (OURS, "http://localhost:3000"):
        answer = asked(open_to_one, path, origin)
        assert permissions(answer) == {
            "access-control-allow-origin": origin,
            "access-control-allow-credentials": "true",
            "access-control-expose-headers": ", ".join(EXPOSED),
        }
        assert "Origin" in answer.headers["vary"].split(", ")


@pytest.mark.parametrize("origin", [OTHER, f"{OURS}.evil.com", OURS.upper(), f"{OURS}:443", "null", ""])
@pytest.mark.parametrize("path", ["/datasets/items.csv", "/nothing"])
def test_other_origins_may_read_nothing(open_to_one: Service, path: str, origin: str) -> None:
    answer = asked(open_to_one, path, origin)
    assert permissions(answer) == {}
    assert "Origin" in answer.headers["vary"].split(", ")


def test_pages_of_an_origin_that_is_named_go_on(open_to_one: Service) -> None:
    """Other pages are refused where nobody says who they are; links and images come with a `Referer` only."""
    elsewhere = ("-H", "Sec-Fetch-Site: cross-site")
    how: tuple[str, ...]
    for how in (("-H", f"Origin: {OURS}"), ("-e", f"{OURS}/board")):
        assert open_to_one.curl("/datasets/items.csv", *elsewhere, *how).status == 200
    for how in ((), ("-H", f"Origin: {OTHER}"), ("-e", f"{OTHER}/board"), ("-e", f"{OURS}.evil.com/")):
        assert open_to_one.curl("/datasets/items.csv", *elsewhere, *how).status == 403


def test_a_preflight_is_answered_for_the_origins_that_are_named(open_to_one: Service) -> None:
    answer = preflight(open_to_one, OURS)
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert allowed == ["Authorization", "traceparent", "tracestate"], "what the service reads, and what comes with it"
    refused = preflight(open_to_one, OTHER)
    assert (refused.status, permissions(refused)) == (405, {})
    assert asked(open_to_one, "/datasets/items.csv", OURS, "-X", "OPTIONS").status == 405


def test_every_origin_may_read_without_credentials_where_all_are_allowed() -> None:
    cors = Cors(("*",))
    asked = {"method": "GET", "headers": [(b"origin", OTHER.encode())]}
    assert cors.headers(asked)[b"access-control-allow-origin"] == b"*"
    assert b"access-control-allow-credentials" not in cors.headers(asked)
    assert cors.preflight(asked) is None
    question = {"method": "OPTIONS", "headers": [*asked["headers"], (b"access-control-request-method", b"GET")]}
    permission = cors.preflight(question)
    assert permission
    assert b"access-control-allow-credentials" not in permission


def test_nothing_is_said_where_nothing_is_allowed(service: Service) -> None:
    for answer in (asked(service, "/datasets/items.csv", OURS), preflight(service, OURS)):
        assert permissions(answer) == {}
        assert "Origin" not in answer.headers.get("vary", "").split(", ")


def test_every_header_of_ours_is_exposed(open_to_one: Service) -> None:
    answers = [asked(open_to_one, path, OURS) for path in ANSWERS]
    answers += [asked(open_to_one, "/datasets/items.csv", OURS, "-H", "Accept-Encoding: gzip")]
    answers += [asked(open_to_one, "/datasets/items.csv", OURS, *how) for how in (("-X", "PUT"), ("--http1.0",))]
    sent = {name for answer in answers for name in answer.headers if not name.startswith("access-control-")}
    instructions = {*EVERYWHERE, "content-security-policy"}
    exposed = {name.lower() for name in EXPOSED}
    assert sent - SAFELISTED - TRANSPORT - instructions <= exposed
    # Those are tested with what sends them.
    assert sent >= exposed - {"retry-after", "ratelimit", "ratelimit-policy", "www-authenticate"}


@pytest.mark.parametrize("text", ["https://a.example/path", "a.example", "https://*.example", "*,https://a.b", "null"])
def test_what_is_no_origin_is_refused_at_start(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("EXPORTER_CORS_ORIGINS", text)
    with pytest.raises(ValidationError):
        Settings(database_url="postgresql:///x", datasets=Path())
