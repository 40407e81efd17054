"""Settings that are refused, in sentences that name the variable and tell nothing of its value."""

from typing import Any

import pytest
from pydantic import ValidationError

from exporter.settings.access import faults
from exporter.settings.settings import Settings, misnamed


def refused(**settings: Any) -> str:
    with pytest.raises(ValidationError) as error:
        Settings(**{"database_url": "postgresql:///x", "datasets": "."} | settings)
    (told,) = faults(error.value)
    return told


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgresql:///x?host=/tmp/socket",
        "postgres://u:p%40ss@h:5432/x?sslmode=require",
        "postgresql://u@a:1,b:2,c/x?target_session_attrs=primary",
        "postgresql://a,b/x?port=1,2",
        "postgresql:///x?host=a,b",
        "postgresql://u@[::1]:5432/x",
        "postgresql://%2Ftmp%2Fsocket/x",
    ],
)
def test_urls_that_the_driver_takes(url: str) -> None:
    assert Settings(database_url=url, datasets=".").database_url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "geheim",
        "http://geheim/y",
        "postgresql://u:geheim@host:notaport/db",
        "postgresql://u:geheim@host:70000/db",
        "postgresql://u:geheim#@host/db",
        "postgresql://u:p@geheim@host/db",
        "postgresql://geheim,,b/db",
        "postgresql://[geheim/db",
        f"postgresql://{'geheim' * 20}/db",
        "postgresql://geheim/db?sslmode",
        "postgresql://geheim/db?port=x",
        "postgresql:///db?host=geheim:x",
    ],
)
def test_urls_that_it_does_not_take_are_not_repeated(url: str) -> None:
    told = refused(database_url=url)
    assert told.startswith("EXPORTER_DATABASE_URL: expected postgresql://")
    assert "geheim" not in told


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("EXPORTER_KEY", "k", "EXPORTER_KEY is not a setting; did you mean EXPORTER_KEYS?"),
        ("EXPORTER_MAX_ROW", "5", "EXPORTER_MAX_ROW is not a setting; did you mean EXPORTER_MAX_ROWS?"),
        ("EXPORTER_QQQQQ", "5", "EXPORTER_QQQQQ is not a setting"),
        ("EXPORTER_PORT", "8000", "EXPORTER_PORT is not a setting"),
        ("EXPORTER_KEYS", "", "EXPORTER_KEYS is blank: unset it or give it a value"),
        ("EXPORTER_JWT_KEYS", " ", "EXPORTER_JWT_KEYS is blank: unset it or give it a value"),
        ("exporter_keys", "", "exporter_keys is blank: unset it or give it a value"),
    ],
)
def test_variables_that_nobody_would_read(name: str, value: str, told: str) -> None:
    (found,) = misnamed({"PATH": "/bin", name: value})
    assert found.startswith(told)


def test_variables_of_others() -> None:
    names = ("SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP", "PORT_80_TCP", "PORT_80_TCP_ADDR", "DB_SERVICE_HOST")
    told = {f"EXPORTER_{name}": "1" for name in names} | {"EXPORTER_PORT": "tcp://10.0.0.1:80"}
    assert not list(misnamed(told | {"EXPORTER_TEST_DATABASE_URL": "", "EXPORTER_KEYS": "k", "exporter_keys": "k"}))


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_may_be_set(name: str) -> None:
    assert not list(misnamed({f"EXPORTER_{name.upper()}": "x"}))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("pool_timeout", "inf", "expected a finite number"),
        ("pool_timeout", "0", "expected more than 0"),
        ("pool_timeout", "soon", "expected a number"),
        ("pool_size", "1.5", "expected a whole number"),
        ("pool_size", "0", "expected more than 0"),
        ("max_rows", "-1", "expected 0 or more"),
        ("lock_timeout", "3e6", "expected at most 2,000,000"),
        ("allow_anonymous", "maybe", "expected on or off"),
        ("log_level", "LOUD", "expected 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("trusted_proxies", "proxy", "expected networks such as"),
        ("jwt_issuer", "", "must not be blank"),
        ("jwt_role_claim", "", "must not be blank"),
        ("parallel_connections", "11", "only 10 connections"),
        ("keep_alive_timeout", "0", "expected more than 0"),
        ("root_path", "exports", "expected a path such as /exports"),
        ("root_path", "/exports/", "expected a path such as /exports"),
        ("root_path", "/", "expected a path such as /exports"),
        ("root_path", "//evil.example", "expected a path such as /exports"),
        ("root_path", "/a/../b", "expected a path such as /exports"),
        ("root_path", "/a%20b", "expected a path such as /exports"),
        ("root_path", "/datasets", "not below /datasets"),
        ("root_path", "/datasets/x", "not below /datasets"),
        ("search_path", 'public,"Odd"', "without quotes"),
        ("search_path", "'a'", "without quotes"),
    ],
)
def test_values_that_cannot_be_meant(name: str, value: str, told: str) -> None:
    found = refused(**{name: value})
    assert found.startswith(f"EXPORTER_{name.upper()}: ")
    assert told in found


@pytest.mark.parametrize("path", ["/exports", "/datasets-of-us", "/team-1/exports/v1.2"])
def test_root_paths(path: str) -> None:
    assert Settings(database_url="postgresql:///x", datasets=".", root_path=path).root_path == path


def test_all_pages_may_read_only_where_callers_say_who_they_are() -> None:
    unsafe: list[dict[str, Any]] = [{}, {"allow_anonymous": True}]
    for how in unsafe:
        told = refused(cors_origins="*", **how)
        assert told.startswith("EXPORTER_CORS_ORIGINS: ")
        assert "EXPORTER_KEYS" in told
    allowed: list[dict[str, Any]] = [{"cors_origins": "*", "keys": "k"}, {"cors_origins": "http://localhost:3000"}]
    for how in allowed:
        assert Settings(database_url="postgresql:///x", datasets=".", **how).cors_origins


def test_a_pool_may_be_smaller_than_the_default_of_parallel_scans() -> None:
    assert Settings(database_url="postgresql:///x", datasets=".", pool_size=2).parallel_connections > 2


def test_what_is_missing_may_be_said_on_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EXPORTER_DATABASE_URL", raising=False)
    monkeypatch.delenv("EXPORTER_DATASETS", raising=False)
    with pytest.raises(ValidationError) as error:
        Settings()
    assert faults(error.value) == [
        "EXPORTER_DATABASE_URL: set it, or use --database-url",
        "EXPORTER_DATASETS: set it, or use --datasets",
    ]
