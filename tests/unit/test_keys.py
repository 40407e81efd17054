"""API keys: what may stand in the keys file, who may read it, and how it changes."""

import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.access import known_keys
from exporter.access.key import checked_name, duration, pattern
from exporter.access.keys_file import KeysFileError, changing, read
from exporter.access.known_keys import KeysUnavailable, KnownKeys
from exporter.access.tokens import digest_of, new_token
from tests.unit.keys import NOW, key


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def made(path: Path, **keys: Any) -> None:
    with changing(path) as known:
        known.update(keys)


def written(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)


def test_tokens_are_recognised_and_hold_256_bits() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(re.fullmatch("vexp_[A-Za-z0-9_-]{43}", token) for token in tokens)


def test_what_is_written_is_read(path: Path) -> None:
    keys = {"a@b.c-d_e": key("1", role='odd "role"', expires=NOW + timedelta(days=1), metrics=True), "b": key("2")}
    made(path, **keys)
    assert read(path) == keys
    made(path, c=key("3"))
    assert read(path) == {**keys, "c": key("3")}


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(path: Path) -> None:
    previous = os.umask(0)
    try:
        made(path, a=key())
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666])
def test_a_file_that_others_may_use_is_refused_with_the_remedy(path: Path, mode: int) -> None:
    made(path, a=key())
    path.chmod(mode)
    with pytest.raises(KeysFileError, match=f"chmod 600 {re.escape(str(path))}"):
        read(path)
    with pytest.raises(KeysFileError, match="chmod 600"):
        made(path, b=key("2"))


def test_a_change_that_fails_leaves_the_file_as_it_was(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path, a=key())
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(path) as known:
        known["b"] = key("2")
        1 / 0  # noqa: B018 - is to fail
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            made(path, b=key("2"))
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_link_to_the_file_stays_one(path: Path) -> None:
    link = path.with_name("link")
    made(path, a=key())
    link.symlink_to(path)
    made(link, b=key("2"))
    assert link.is_symlink()
    assert read(path).keys() == {"a", "b"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_root_leaves_the_file_to_its_owner(path: Path) -> None:
    made(path, a=key())
    os.chown(path, 65534, 65534)
    made(path, b=key("2"))
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65534)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_another_user_s_file_lets_nobody_in(path: Path) -> None:
    """Whoever owns it could add a key at any time. Root's commands go on to manage it for the service's user."""
    made(path, a=key())
    os.chown(path, 65534, 65534)
    with pytest.raises(
        KeysFileError, match=f"is owned by user 65534, who can change it: chown 0 {re.escape(str(path))}"
    ):
        read(path)
    assert read(path, to_manage=True).keys() == {"a"}
    with pytest.raises(KeysUnavailable):
        KnownKeys(path).by_name("a")


def test_a_file_of_the_service_s_user_or_of_root_is_taken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path, a=key())
    if os.geteuid() == 0:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)  # the file is root's
    assert read(path).keys() == {"a"}


def test_many_commands_at_once_lose_no_key(path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from exporter.access.keys_file import changing\n"
        "from tests.unit.keys import key\n"
        "for i in range(20):\n"
        "    with changing(Path(sys.argv[1])) as known: known[f'{sys.argv[2]}-{i}'] = key(f'{sys.argv[2]}{i}')\n"
    )
    names = ["a", "b", "c"]
    commands = [subprocess.Popen([sys.executable, "-c", script, path, name]) for name in names]
    seen = 0
    while any(command.poll() is None for command in commands):
        if path.exists():
            # Whoever reads meanwhile sees a whole file, and no key vanishes.
            seen, before = len(read(path)), seen
            assert seen >= before
    assert [command.wait() for command in commands] == [0, 0, 0]
    assert read(path).keys() == {f"{name}-{i}" for name in names for i in range(20)}


def test_threads_lose_no_key_either(path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda i: made(path, **{f"k{i}": key(str(i))}), range(40)))
    assert len(read(path)) == 40


GOOD = f'[keys.a]\nsha256 = "{"0" * 64}"\ndatasets = ["a"]\ncreated = 2026-01-01T00:00:00Z\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[keys\n", "line 1"),
        ("\N{SNOWMAN}", "Invalid"),
        ("a = 1", "only tables"),
        ("keys = 1", "only tables"),
        ("[keys]\na = 1", "keys.a"),
        (GOOD + "colour = 1", "colour"),
        (GOOD.replace("[keys.a]", '[keys."a b"]'), "a b"),
        (GOOD.replace("[keys.a]", "[keys.anonymous]"), "anonymous"),
        (GOOD.replace('["a"]', "[]"), "datasets"),
        (GOOD.replace('["a"]', '["a/b"]'), "datasets"),
        (GOOD.replace('["a"]', '"a"'), "datasets"),
        (GOOD.replace("00Z", "00"), "created"),
        (GOOD.replace("0" * 64, "F" * 64), "sha256"),
        (GOOD + 'role = "none"', "role"),
        (GOOD + 'role = ""', "role"),
        (GOOD + GOOD.replace("keys.a", "keys.b"), "same token"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place_and_without_a_digest(path: Path, text: str, told: str) -> None:
    written(path, text)
    with pytest.raises(KeysFileError, match=told) as refused:
        read(path)
    assert "0" * 64 not in str(refused.value)


def test_no_keys_are_no_fault(path: Path) -> None:
    for text in ("", "[keys]"):
        written(path, text)
        assert read(path) == {}


@pytest.mark.parametrize("name", ["", " a", "-a", "a/b", "a:b", "a\n", "x" * 101, "é", "anonymous"])
def test_names_that_no_key_has(name: str) -> None:
    with pytest.raises(ValueError, match="key"):
        checked_name(name)


@pytest.mark.parametrize("text", ["", "a b", "a/b", "a,b", "a\n", "é", "a" * 201])
def test_what_is_no_pattern(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        pattern(text)


def test_lengths_of_time() -> None:
    assert [duration(text) for text in ("90s", "30m", "12h", "90d", "52w")] == [
        timedelta(seconds=90), timedelta(minutes=30), timedelta(hours=12), timedelta(days=90), timedelta(weeks=52),
    ]  # fmt: skip
    for text in ("", "0d", "-1d", "1", "d", "1y", "1.5h", " 1d", "1d ", "1234567d", "\u0661d"):
        with pytest.raises(ValueError, match="not a duration"):
            duration(text)


@pytest.mark.parametrize(
    ("patterns", "dataset", "readable"),
    [
        (("sales.*",), "sales.orders", True),
        (("sales.*",), "sales", False),
        (("sales.*",), "Sales.orders", False),
        (("orders",), "orders2", False),
        (("orders-202[0-5]",), "orders-2024", True),
        (("*",), "anything", True),
        ((), "orders", False),
    ],
)
def test_patterns_are_of_whole_names(patterns: tuple[str, ...], dataset: str, readable: bool) -> None:
    assert key(datasets=patterns or ("x",)).principal("a").may_read(dataset) == readable


def test_a_key_is_known_by_its_token_alone(path: Path) -> None:
    made(path, a=key("1", role="r", metrics=True), b=key("2"))
    known = KnownKeys(path)
    name, found = known.by_token("1") or pytest.fail("unknown")
    principal = found.principal(name)
    assert (principal.name, principal.role, principal.metrics) == ("a", "r", True)
    assert (known.by_token("2") or [None])[0] == "b"
    assert known.by_token("3") is None
    assert known.by_token(digest_of("1")) is None


def test_keys_come_and_go_without_a_restart(path: Path) -> None:
    made(path, a=key("1"))
    known = KnownKeys(path)
    assert known.by_token("2") is None
    for token in map(str, range(2, 30)):
        made(path, b=key(token))
        assert known.by_token(token)
    with changing(path) as keys:
        del keys["b"]
    assert known.by_token("29") is None
    assert known.by_name("a")
    assert known.by_name("b") is None


def test_the_file_is_read_only_when_it_has_changed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(path, a=key("1"))
    known = KnownKeys(path)
    assert known.by_token("1")
    monkeypatch.setattr(known_keys, "read", lambda _: pytest.fail("read again"))
    assert known.by_token("1")


@pytest.mark.parametrize(
    "breaking",
    [
        lambda path: path.write_text("[keys"),
        lambda path: path.chmod(0o644),
        lambda path: path.unlink(),
        lambda path: path.write_text(path.read_text().replace("keys.a", "keys.anonymous")),
    ],
)
def test_what_cannot_be_used_refuses_every_key_until_it_can(
    path: Path, caplog: pytest.LogCaptureFixture, breaking: Callable[..., Any]
) -> None:
    made(path, a=key("1"))
    text = path.read_bytes()
    known = KnownKeys(path)
    assert known.by_token("1")
    assert known.problem() is None
    breaking(path)
    for _ in range(3):
        with pytest.raises(KeysUnavailable):
            known.by_token("1")
        with pytest.raises(KeysUnavailable):
            known.by_name("a")
    assert "keys file" in (known.problem() or "")
    assert [record.getMessage() for record in caplog.records] == ["every API key is rejected"], "told once"
    assert vars(caplog.records[0])["fields"]["reason"]
    path.write_bytes(text)
    path.chmod(0o600)
    assert known.by_token("1")
    assert known.problem() is None


def test_a_file_that_could_not_be_read_is_tried_again_though_unchanged(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(path, a=key("1"))
    known = KnownKeys(path)
    with monkeypatch.context() as patched:
        patched.setattr(known_keys, "read", lambda _: (_ for _ in ()).throw(OSError("too many open files")))
        with pytest.raises(KeysUnavailable):
            known.by_token("1")
    assert known.by_token("1")


def test_a_worker_starts_without_the_file_and_refuses_until_it_is_there(path: Path) -> None:
    known = KnownKeys(path)
    with pytest.raises(KeysUnavailable):
        known.by_token("1")
    made(path, a=key("1"))
    assert known.by_token("1")
