"""`exporter keys` and `exporter sign`, called within the process."""

import re
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.access.key import Key
from exporter.access.keys_file import changing, read
from exporter.access.tokens import digest_of
from exporter.commands import keys as keys_command


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.toml"
    monkeypatch.setenv("EXPORTER_KEYS", str(path))
    return path


def create(name: str = "a", **how: Any) -> None:
    keys_command.create(name, **{"datasets": ["x"]} | how)


def test_a_key_is_made_with_what_is_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    create("ann", datasets=["sales.*", "x"], role="r", expires="12h", metrics=True)
    told = capsys.readouterr()
    token = told.out.removesuffix("\n")
    assert token.split() == [token]
    assert "shown only once" in told.err
    assert token not in told.err
    key = read(path)["ann"]
    assert key.sha256 == digest_of(token)
    assert (key.datasets, key.role, key.metrics) == (("sales.*", "x"), "r", True)
    assert key.expires == key.created + timedelta(hours=12)
    assert token not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_key_ends_after_90_days_unless_it_is_said_otherwise(path: Path) -> None:
    create("a")
    create("b", expires="never")
    keys = read(path)
    assert keys["a"].expires == keys["a"].created + timedelta(days=90)
    assert keys["b"].expires is None


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ({"name": "b c"}, "key"),
        ({"name": "anonymous"}, "anonymous"),
        ({"datasets": ["x y"]}, "pattern"),
        ({"role": "none"}, "role"),
        ({"role": ""}, "role"),
        ({"expires": "tomorrow"}, "not a duration"),
        ({"expires": "0d"}, "not a duration"),
        ({"expires": "99999w"}, "not a duration"),
        ({"name": "known"}, "already"),
    ],
)
def test_what_is_wrong_is_told_and_changes_nothing(
    path: Path, capsys: pytest.CaptureFixture[str], how: dict[str, Any], told: str
) -> None:
    create("known")
    before, _ = path.read_bytes(), capsys.readouterr()
    with pytest.raises(SystemExit, match=f"^exporter: .*{told}"):
        create(**how)
    assert path.read_bytes() == before
    assert capsys.readouterr().out == ""


def test_keys_are_listed_with_their_state_and_without_secrets(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    create("b", role="r", expires="never", metrics=True)
    with changing(path) as keys:
        keys["a"] = Key(sha256=digest_of("t"), datasets=("x", "y.*"), created=past, expires=past)
    capsys.readouterr()
    keys_command.list_()
    listed = capsys.readouterr().out
    heading, _, listed = listed.partition("\n")
    assert heading.split("\t") == ["NAME", "STATE", "EXPIRES", "ROLE", "DATASETS"]
    assert listed == f"a\texpired\t{past:%Y-%m-%dT%H:%MZ}\t-\tx y.*\nb\tactive\tnever\tr\tx +metrics\n"
    assert not re.search("[0-9a-f]{64}", listed)


def test_a_revoked_key_is_gone(path: Path) -> None:
    create("a")
    create("b")
    keys_command.revoke("a")
    assert read(path).keys() == {"b"}
    with pytest.raises(SystemExit, match="key a does not exist"):
        keys_command.revoke("a")


def test_the_file_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPORTER_KEYS", raising=False)
    with pytest.raises(SystemExit, match="EXPORTER_KEYS or use --keys"):
        keys_command.list_()


@pytest.mark.parametrize(
    ("url", "how", "told"),
    [
        ("http://h/datasets/x.csv", {"key": "nobody"}, "does not exist"),
        ("http://h/datasets/x.csv", {"key": "old"}, "expired"),
        ("http://h/datasets/x.csv", {"expires": "never"}, "not a duration"),
        ("http://h/datasets/x", {}, "URL of an export"),
        ("http://h/x.csv", {}, "URL of an export"),
        ("http://h/datasets/x.csv?_signature=1", {}, "already signed"),
        ("http://h/datasets/x.2024", {}, "which ends in .csv"),
        ("http://h/datasets/.csv", {}, "which ends in .csv"),
        ("http://h/datasets/x.csv?a=%", {}, "UTF-8"),
        ("http://h/datasets/y.csv", {}, "the key a may not read y"),
        ("http://h/datasets/x.y.csv", {}, r"the key a may not read x\.y"),
        ("http://h/datasets/x.csv", {"expires": "91d"}, "the key a expires before the URL, at 20"),
    ],
)
def test_what_cannot_be_signed(
    path: Path, monkeypatch: pytest.MonkeyPatch, url: str, how: dict[str, Any], told: str
) -> None:
    monkeypatch.setenv("EXPORTER_URL_KEY", "u" * 32)
    past = datetime.now(UTC) - timedelta(days=1)
    create("a")
    with changing(path) as keys:
        keys["old"] = Key(sha256=digest_of("t"), datasets=("x",), created=past, expires=past)
    with pytest.raises(SystemExit, match=told):
        keys_command.sign(url, **{"key": "a", "expires": "1h"} | how)


def test_the_service_may_be_mounted_below_a_path(
    path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EXPORTER_URL_KEY", "u" * 32)
    create("a")
    capsys.readouterr()
    keys_command.sign("https://h/export/datasets/x.csv?b=%C3%A9+1#top", key="a", expires="1h")
    pattern = r"https://h/export/datasets/x\.csv\?b=%C3%A9\+1&_key=a&_expires=\d+&_signature=[0-9a-f]{64}\n"
    assert re.fullmatch(pattern, capsys.readouterr().out)


def test_a_short_secret_is_told_by_the_name_of_its_variable_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_URL_KEY", "too-short")
    create("a", keys_file=path)
    with pytest.raises(SystemExit) as refused:
        keys_command.sign("http://h/datasets/x.csv", key="a", expires="1h")
    assert "EXPORTER_URL_KEY: must have at least 32 bytes" in str(refused.value)
    assert "too-short" not in str(refused.value)


def test_a_url_is_signed_with_the_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EXPORTER_KEYS", raising=False)
    monkeypatch.setenv("EXPORTER_URL_KEY", "u" * 32)
    other = tmp_path / "other.toml"
    create("a", keys_file=other, expires="never")
    capsys.readouterr()
    keys_command.sign("https://h/datasets/x.csv", key="a", expires="52w", keys_file=other)
    assert "_key=a&" in capsys.readouterr().out
    monkeypatch.setenv("EXPORTER_KEYS", str(tmp_path / "none.toml"))
    keys_command.sign("https://h/datasets/x.csv", key="a", expires="52w", keys_file=other)
    assert "_key=a&" in capsys.readouterr().out


def test_a_file_that_cannot_be_used_is_told_by_what_named_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EXPORTER_KEYS", str(tmp_path))
    with pytest.raises(SystemExit, match=f"^exporter: EXPORTER_KEYS: {tmp_path}: Is a directory$"):
        keys_command.list_()
    with pytest.raises(SystemExit, match=r"^exporter: --keys: .*none\.toml does not exist"):
        keys_command.list_(keys_file=tmp_path / "none.toml")
