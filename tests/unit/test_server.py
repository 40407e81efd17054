"""What the web server is told."""

import multiprocessing
from collections.abc import Callable
from typing import Any, cast

import pytest

from exporter import app
from exporter.commands import starting
from exporter.limits.idle import MOST_IDLE
from exporter.process import server
from exporter.settings.settings import Settings

BALANCERS_SECONDS = 60
"""How long those of clouds, and nginx, keep a connection that is not used."""


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Start with some settings, and return what Granian would have been given."""
    given: dict[str, Any] = {}

    class Server:
        def __init__(self, target: str, **options: Any) -> None:
            given.update(options, target=target)

    def start(**settings: Any) -> dict[str, Any]:
        chosen = Settings(database_url="postgresql:///x", datasets=".", **settings)
        server._workers(server.Listening("127.0.0.1", 8000, 2), chosen)
        return given

    monkeypatch.setattr(multiprocessing, "set_start_method", lambda *_, **__: None)
    monkeypatch.setattr(server, "Workers", Server)
    return start


def test_connections_are_kept_for_longer_than_balancers_keep_them(told: Callable[..., Any]) -> None:
    assert told()["http1_settings"].header_read_timeout > BALANCERS_SECONDS * 1000
    assert told(keep_alive_timeout=0.5)["http1_settings"].header_read_timeout == 500


def test_idle_connections_leave_room_for_others(told: Callable[..., Any]) -> None:
    assert told()["backpressure"] >= 2 * MOST_IDLE, "of each worker, however many there are"


def test_a_worker_bounds_its_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(app, "create", lambda **options: given.update(options))
    published = cast("Any", object())
    starting._application(published)
    assert given == {"published": published, "alone": True}


def test_the_path_below_which_a_proxy_shows_it(told: Callable[..., Any]) -> None:
    assert told()["url_path_prefix"] is None
    assert told(root_path="/exports")["url_path_prefix"] == "/exports"
