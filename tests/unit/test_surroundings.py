"""What an exporter sees of the middleware and the server around it."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.routing import Mount

from exporter.embedding.guard import Guard
from exporter.embedding.layers import behind
from exporter.embedding.servers import Server, Unsupported, server_among
from exporter.embedding.surroundings import Surroundings, hidden_by, surroundings_of
from exporter.http.rsgi import Aborted
from exporter.problems import Problem

PURE = [
    Middleware(CORSMiddleware, allow_origins=["*"]),
    Middleware(GZipMiddleware),
    Middleware(SessionMiddleware, secret_key="secret"),
    Middleware(TrustedHostMiddleware, allowed_hosts=["*"]),
]
MOST_OBJECTS = 40


class Passing(BaseHTTPMiddleware):
    async def dispatch(self, request: Any, call_next: Any) -> Any:
        return await call_next(request)


BASE = Middleware(Passing)
OWN_GUARD = Middleware(Guard)


def _seen(middleware: list[Middleware], look: Callable[..., Any], guard: bool = False) -> Any:
    """What `look` finds in the innermost application of a host, whose neighbour has a middleware that hides."""
    found = []

    async def mounted(scope: Any, receive: Any, send: Any) -> None:
        found.append(look(scope, receive, send))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    neighbour = Mount("/other", Starlette(routes=[Mount("/", mounted)], middleware=[BASE]))
    application = Starlette(routes=[neighbour, Mount("/exports", mounted)], middleware=middleware)
    headers = {"origin": "http://other.example", "accept-encoding": "gzip"}
    transport = httpx.ASGITransport(Guard(application) if guard else application)

    async def asked() -> None:
        async with httpx.AsyncClient(transport=transport, base_url="http://host.example", headers=headers) as client:
            await client.get("/exports/")

    asyncio.run(asked())
    return found[0]


def _hidden(scope: Any, receive: Any, send: Any) -> str | None:
    return hidden_by(behind(receive, send))


def _begun(scope: Any, receive: Any, send: Any) -> bool:
    around = surroundings_of(scope) or Surroundings(scope, receive, send)
    around.begin_export()
    return True


@pytest.mark.parametrize(
    "middleware",
    [[BASE], [BASE, BASE], [*PURE, BASE], [BASE, *PURE], [*PURE, BASE, *PURE], [*PURE * 4, BASE, *PURE * 4]],
)
def test_middleware_that_hides_failures_is_found_wherever_it_is(middleware: list[Middleware]) -> None:
    assert _seen(middleware, _hidden) == "starlette.middleware.base"
    with pytest.raises(Problem):
        _seen(middleware, _begun)
    assert _seen(middleware, _begun, guard=True)


def test_guard_that_is_not_the_outermost_layer_does_not_help() -> None:
    with pytest.raises(Problem):
        _seen([BASE, OWN_GUARD], _begun)
    assert _seen([OWN_GUARD, BASE], _begun)


@pytest.mark.parametrize("middleware", [[], *([one] for one in PURE), PURE, PURE * 4])
def test_pure_middleware_is_not_suspected(middleware: list[Middleware]) -> None:
    assert _seen(middleware, _hidden) is None
    assert _seen(middleware, _begun)


@pytest.mark.parametrize("middleware", [[], [BASE], PURE, [*PURE, BASE]])
def test_looking_costs_little(middleware: list[Middleware]) -> None:
    """A microsecond for each object."""
    looked_at = _seen(middleware, lambda scope, receive, send: len(list(behind(receive, send))))
    assert looked_at <= MOST_OBJECTS


def _renamed(module: str, **attributes: object) -> Any:
    """An object of a server's, which has only these attributes."""
    return type("Changed", (), {"__module__": module, **attributes})()


def test_hypercorn_that_has_changed_is_refused() -> None:
    stream = _renamed("hypercorn.protocol.http_stream", stream_id=1)
    with pytest.raises(Unsupported, match="cannot be reset"):
        server_among([stream], "2")
    assert type(server_among([stream], "1.1")) is Server


def test_daphne_that_has_changed_is_refused() -> None:
    with pytest.raises(Unsupported, match="flow control"):
        server_among([_renamed("daphne.http_protocol", channel=None)], "1.1")


async def _never() -> dict[str, Any]:
    raise AssertionError


async def _sent(message: Any) -> None:
    pass


@pytest.mark.anyio
async def test_server_that_has_changed_is_logged_and_the_caller_is_told_nothing_of_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    request = _renamed("daphne.http_protocol", handle=_sent)

    async def send(message: Any) -> None:
        await request.handle(message)

    around = Surroundings({"type": "http", "http_version": "1.1"}, _never, send)
    with pytest.raises(Problem) as refused:
        around.begin_export()
    assert "daphne" not in str(refused.value.detail).lower()
    assert "this version of Daphne has no flow control" in caplog.text


@pytest.mark.anyio
async def test_nothing_more_is_sent_of_an_answer_that_was_given_up() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    around = Surroundings({"type": "http", "http_version": "1.1"}, _never, send)
    await around.send({"type": "http.response.start", "status": 200, "headers": []})
    await around.give_up("StatementError")
    with pytest.raises(Aborted):
        await around.send({"type": "http.response.body", "body": b""})
    assert len(sent) == 1
