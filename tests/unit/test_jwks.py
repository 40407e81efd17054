"""The keys of JWTs: from a file or a URL, kept, refreshed, and never fetched for each request."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import OctKey, RSAKey

from exporter.access import jwks as module
from exporter.access.jwks import Jwks, JwksUnavailable, read

pytestmark = pytest.mark.anyio

RSA = RSAKey.generate_key(2048, {"kid": "a"})
SECRET = OctKey.generate_key(256, {"kid": "secret"})


def document(*kids: str) -> bytes:
    return json.dumps({"keys": [RSA.as_dict(private=False) | {"kid": kid} for kid in kids]}).encode()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Source:
    answer: bytes | Exception = field(default_factory=lambda: document("a"))
    asked: int = 0


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Source:
    """What `read` gives, and how often it was asked."""
    found = Source()

    def read(location: str) -> Any:
        found.asked += 1
        if isinstance(found.answer, Exception):
            raise found.answer
        return [module._imported(entry) for entry in json.loads(found.answer)["keys"]]

    monkeypatch.setattr(module, "read", read)
    return found


async def settled(jwks: Jwks) -> None:
    while jwks._reading is not None:
        await jwks._reading


async def test_many_who_wait_ask_once(source: Source) -> None:
    jwks = Jwks("x")
    found = await asyncio.gather(*(jwks.keys("a") for _ in range(50)))
    assert all(len(keys) == 1 for keys in found)
    assert source.asked == 1


async def test_a_key_that_is_not_known_is_looked_for_at_most_once_a_minute(source: Source) -> None:
    clock = Clock()
    jwks = Jwks("x", clock)
    for _ in range(100):
        assert await jwks.keys("b") == []
    assert source.asked == 1
    clock.now += 61
    source.answer = document("b")
    assert [key.kid for key in await jwks.keys("b")] == ["b"]
    for i in range(100):
        await jwks.keys(f"x{i}")
    assert source.asked == 2


async def test_keys_are_refreshed_every_so_often_without_waiting(source: Source) -> None:
    clock = Clock()
    jwks = Jwks("x", clock)
    await jwks.keys("a")
    clock.now += 601
    source.answer = document("b")
    assert await jwks.keys("a"), "the old ones serve meanwhile"
    await settled(jwks)
    assert source.asked == 2
    assert await jwks.keys("b")
    assert await jwks.keys("a") == []


async def test_a_refresh_that_fails_keeps_the_keys_and_is_logged(
    source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    jwks = Jwks("x", clock)
    await jwks.keys("a")
    source.answer = OSError("unreachable")
    for _ in range(3):
        clock.now += 601
        assert await jwks.keys("a")
        await settled(jwks)
    assert source.asked == 4
    assert "unreachable" in vars(caplog.records[0])["fields"]["reason"]
    assert jwks.problem() is None


async def test_without_any_keys_it_is_tried_again_and_told(source: Source) -> None:
    clock = Clock()
    jwks = Jwks("x", clock)
    source.answer = OSError("unreachable")
    for _ in range(20):
        with pytest.raises(JwksUnavailable):
            await jwks.keys("a")
    assert source.asked == 1
    assert "JWKS" in (jwks.problem() or "")
    source.answer = document("a")
    clock.now += 6
    assert jwks.problem()
    await settled(jwks)
    assert jwks.problem() is None, "asking for problems is enough to get well"
    assert await jwks.keys("a")


async def test_a_slow_answer_is_waited_for_and_not_asked_for_again(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    may, clock, answer = threading.Event(), Clock(), module.read
    monkeypatch.setattr(module, "read", lambda location: may.wait(20) and answer(location))
    jwks = Jwks("x", clock)
    waiting = asyncio.create_task(jwks.keys("a"))
    for _ in range(5):
        await asyncio.sleep(0)
        clock.now += 60
        assert jwks.problem()
    may.set()
    assert await waiting
    assert source.asked == 1


async def test_a_caller_who_leaves_does_not_stop_the_others(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    may = threading.Event()
    answer = module.read
    monkeypatch.setattr(module, "read", lambda location: may.wait(20) and answer(location))
    jwks = Jwks("x")
    first, second = (asyncio.create_task(jwks.keys("a")) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    may.set()
    assert await second


@contextmanager
def issuer(status: int, body: bytes, **headers: Any) -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks"
        finally:
            server.shutdown()
            thread.join()


async def test_keys_from_a_url() -> None:
    with issuer(200, document("a", "b")) as url:
        assert [key.kid for key in await Jwks(url).keys(None)] == ["a", "b"]


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, document("a") + b" " * (2 << 20)), (200, b"{}"), (200, b"[]"), (200, b'{"keys": 1}'), (500, document("a"))],
)
async def test_what_a_url_may_not_answer(status: int, body: bytes) -> None:
    with issuer(status, body) as url, pytest.raises(JwksUnavailable):
        await Jwks(url).keys("a")


async def test_redirections_are_not_followed() -> None:
    with (
        issuer(200, document("a")) as safe,
        issuer(302, b"", Location=safe) as url,
        pytest.raises(OSError, match="302"),
    ):
        read(url)


def stored(tmp_path: Path, key: Mapping[str, Any], mode: int) -> str:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [key]}))
    path.chmod(mode)
    return str(path)


async def test_a_secret_is_its_owners_alone(tmp_path: Path) -> None:
    assert read(stored(tmp_path, SECRET.as_dict(), 0o600))
    with pytest.raises(ValueError, match="chmod 600"):
        read(stored(tmp_path, SECRET.as_dict(), 0o640))
    assert read(stored(tmp_path, RSA.as_dict(private=False), 0o644)), "public keys are everybody's"


async def test_whoever_could_change_the_keys_could_be_anybody(tmp_path: Path) -> None:
    for mode in (0o664, 0o646):
        with pytest.raises(ValueError, match="written by users other than its owner: chmod go-w "):
            read(stored(tmp_path, RSA.as_dict(private=False), mode))
    if os.geteuid() == 0:
        os.chown(stored(tmp_path, RSA.as_dict(private=False), 0o644), 65534, 65534)
        with pytest.raises(ValueError, match="is owned by user 65534"):
            read(str(tmp_path / "jwks.json"))


@pytest.mark.parametrize("k", ["", "c2hvcnQ", "c2hvcnRlciB0aGFuIDMyIGJ5dGVz"])
@pytest.mark.filterwarnings("ignore:Key size")
async def test_short_secrets_are_left_out(tmp_path: Path, k: str) -> None:
    with pytest.raises(ValueError, match="usable key"):
        read(stored(tmp_path, {"kty": "oct", "k": k}, 0o600))
