"""libpq's URLs: what of them is kept, what is refused by its name, and what the driver makes of the rest."""

import ctypes
import re
from ctypes.util import find_library
from inspect import signature
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args  # type: ignore[attr-defined]  # the driver's own

from queries import hosts
from queries.conninfo import ConninfoError, parse
from queries.embedded import programs
from queries.libpq import VARIABLES, is_known


def driven(url: str, environment: dict[str, str] | None = None) -> tuple[Any, ...]:
    """What the driver makes of a URL: its addresses and parameters."""
    conninfo = parse(url, environment or {})
    names = dict.fromkeys(signature(_parse_connect_dsn_and_args).parameters)
    made = [
        _parse_connect_dsn_and_args(**names | dict(conninfo.options) | {"host": host, "port": port})
        for host, port in conninfo.hosts
    ]
    return [address for addresses, _ in made for address in addresses], made[0][1]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://someone@one:1,two:2/sales", [("one", 1), ("two", 2)]),
        ("postgresql://one,two/sales?port=1,2", [("one", 1), ("two", 2)]),
        ("postgresql://one:7,two:8/sales?port=6000", [("one", 6000), ("two", 6000)]),
        ("postgresql://one,[::1]:7/sales", [("one", None), ("::1", 7)]),
        ("postgresql:///sales?host=::1&port=7", [("::1", 7)]),
        ("postgresql:///sales?host=/run/one,/run/two&port=1,2", [("/run/one", 1), ("/run/two", 2)]),
        ("postgresql://%2Frun%2Fone/sales", [("/run/one", None)]),
        ("postgresql://localhost/sales?host=/cloudsql/a:b:c", [("/cloudsql/a:b:c", None)]),
        ("postgresql:///sales?hostaddr=10.0.0.1", [("10.0.0.1", None)]),
        ("postgresql:///sales", [(None, None)]),
        ("postgres://", [(None, None)]),
    ],
)
def test_hosts_and_ports(url: str, expected: list[Any]) -> None:
    assert list(parse(url, {}).hosts) == expected


def test_the_driver_is_told_what_the_url_says() -> None:
    addresses, parameters = driven(
        "postgresql://someone:se%40cr+et@one:1,[::1]:2/sa%20les?sslmode=disable&options=-c%20geqo%3Doff"
        "&fallback_application_name=app&krbsrvname=pg"
    )
    assert addresses == [("one", 1), ("::1", 2)]
    assert (parameters.user, parameters.password, parameters.database) == ("someone", "se@cr+et", "sa les")
    assert parameters.server_settings == {"application_name": "app", "options": "-c geqo=off"}
    assert (parameters.ssl, parameters.krbsrvname) == (False, "pg")


def test_the_query_counts_more_than_what_is_before_it_and_a_plus_is_one() -> None:
    _, parameters = driven("postgresql://a:b@h/c?user=d&password=e+f%26&dbname=g&dbname=h")
    assert (parameters.user, parameters.password, parameters.database) == ("d", "e+f&", "h")


def test_variables_say_what_the_url_does_not() -> None:
    environment = {"PGHOST": "other", "PGPORT": "7", "PGUSER": "u", "PGPASSWORD": "p", "PGAPPNAME": "", "PGTZ": "x"}
    addresses, parameters = driven("postgresql://h/d", environment)
    assert addresses == [("h", 7)]
    assert (parameters.user, parameters.password) == ("u", "p")
    assert driven("postgresql:///d", environment)[0] == [("other", 7)]


@pytest.mark.parametrize("by", ["PGPASSFILE", "passfile", "HOME"])
def test_password_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    file = tmp_path / ".pgpass"
    file.write_text("# ours\nh:*:d:u:from:the file\n")
    file.chmod(0o600)
    if by == "HOME":
        monkeypatch.setenv("HOME", str(tmp_path))
    environment = {"PGPASSFILE": str(file)} if by == "PGPASSFILE" else {}
    query = f"?passfile={file}" if by == "passfile" else ""
    assert driven(f"postgresql://u@h/d{query}", environment)[1].password == "from:the file"


def test_the_authorities_of_the_system() -> None:
    conninfo = parse("postgresql://h/d?sslmode=verify-full&sslrootcert=system&sslnegotiation=direct", {})
    assert conninfo.options["ssl"] is True
    _, parameters = driven("postgresql://h/d?sslrootcert=system")
    assert parameters.ssl.check_hostname
    assert parameters.ssl.verify_mode.name == "CERT_REQUIRED"


@pytest.mark.parametrize(
    "query",
    [
        "channel_binding=prefer", "channel_binding=disable", "gssencmode=disable", "gssencmode=prefer",
        "client_encoding=UTF8", "client_encoding=auto", "ssl=true", "sslmode=require&channel_binding=prefer",
        "min_protocol_version=3.0&max_protocol_version=latest", "connect_timeout=-1", "connect_timeout=", "host=",
        "sslcompression=0&sslsni=1&sslcertmode=allow&gssdelegation=0", "sslmode=",
    ],
)  # fmt: skip
def test_what_asks_for_nothing_more_is_harmless(query: str) -> None:
    assert driven(f"postgresql://h/d?{query}")[1].server_settings == {"application_name": "exporter"}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("channel_binding=require", "channel_binding: expected disable or prefer; .*sslmode=verify-full"),
        ("gssencmode=require", "gssencmode: expected disable or prefer; "),
        ("client_encoding=LATIN1", "client_encoding: expected UTF8"),
        ("sslmode=bogus", "sslmode: expected disable or allow"),
        ("ssl=false", "ssl is not a libpq parameter"),
        ("sslnegotiation=bogus", "sslnegotiation: expected postgres or direct"),
        ("sslnegotiation=direct", "sslnegotiation=direct needs sslmode=require"),
        ("target_session_attrs=bogus", "target_session_attrs: expected any or read-write"),
        ("load_balance_hosts=all", "load_balance_hosts: expected disable or random"),
        ("ssl_min_protocol_version=SSLv3", "ssl_min_protocol_version: expected TLSv1 "),
        ("connect_timeout=soon", "connect_timeout: expected a whole number"),
        ("connect_timeout=1.5", "connect_timeout: expected a whole number"),
        ("keepalives=yes", "keepalives: expected 0 or 1"),
        ("keepalives_idle=32768", "keepalives_idle: expected a whole number from 0 to 32767"),
        ("keepalives_count=-1", "keepalives_count: expected a whole number from 0 to 127"),
        ("tcp_user_timeout=x", "tcp_user_timeout: expected a whole number"),
        ("service=x", "service: service files are not read: put their parameters"),
        ("require_auth=scram-sha-256", "require_auth: the service's driver does not support it"),
        ("requirepeer=postgres", "requirepeer: "),
        ("sslrootcert=system&sslmode=require", "sslrootcert=system needs sslmode=verify-full"),
        ("sslrootcert=system&sslcert=/x", "sslcert cannot be combined with sslrootcert=system"),
        ("hostaddr=10.0.0.1", "hostaddr: .*remove hostaddr or host"),
        ("port=1,2", "port: expected one port, or as many"),
        ("sslmod=require", "sslmod is not a libpq parameter .*; did you mean sslmode"),
        ("statement_timeout=5", r"statement_timeout is not a libpq parameter \(.*options=-c%20"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_its_name_at_the_start(query: str, told: str) -> None:
    with pytest.raises(ConninfoError, match=told):
        parse(f"postgresql://h/d?{query}", {})


def test_a_variable_that_cannot_be_kept_is_named() -> None:
    with pytest.raises(ConninfoError, match=r"\(by PGCHANNELBINDING\) channel_binding: "):
        parse("postgresql://h/d", {"PGCHANNELBINDING": "require"})
    assert parse("postgresql://h/d?channel_binding=prefer", {"PGCHANNELBINDING": "require"})


@pytest.mark.parametrize("password", ["1?geheim=2", "1?geheim", "geheim?sslmode=3", "1?a=geheim&b=c"])
def test_a_password_that_is_not_encoded_is_not_repeated(password: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse(f"postgresql://u:{password}@h/d", {})
    assert not isinstance(refused.value, ConninfoError) or "geheim" not in str(refused.value)


def test_every_parameter_and_variable_of_libpq_is_known() -> None:
    """libpq's own list, with its defaults: none of them asks for anything that is refused."""

    class Option(ctypes.Structure):
        _fields_ = [
            (name, ctypes.c_char_p) for name in ("keyword", "variable", "compiled", "value", "label", "shown")
        ] + [("size", ctypes.c_int)]

    bundled = sorted(programs().parent.rglob("libpq.so*"))
    found = str(bundled[0]) if bundled else find_library("pq")
    if not found:
        pytest.skip("needs libpq")
    library = ctypes.CDLL(found)
    library.PQconndefaults.restype = ctypes.POINTER(Option)
    seen = 0
    for option in library.PQconndefaults():
        if option.keyword is None:
            break
        seen += 1
        name = option.keyword.decode()
        assert is_known(name), name
        if option.variable and name != "servicefile":
            assert VARIABLES[option.variable.decode()] == name
        if option.compiled and name not in ("sslcertmode", "scram_client_key"):
            parse(f"postgresql:///d?{name}={option.compiled.decode()}", {})
    assert seen > 40


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("url", "seconds"),
    [
        ("postgresql://a/d", 6),
        ("postgresql://a/d?connect_timeout=2", 2),
        ("postgresql://a/d?connect_timeout=60", 6),
        ("postgresql://a,b/d", 2),
        ("postgresql://a,b/d?connect_timeout=1", 1),
        ("postgresql://a,b/d?connect_timeout=0", 2),
    ],
)
async def test_how_long_a_host_may_take(monkeypatch: pytest.MonkeyPatch, url: str, seconds: int) -> None:
    asked = []

    async def connect(**options: Any) -> None:
        asked.append(options)
        raise OSError

    monkeypatch.setattr(asyncpg, "connect", connect)
    with pytest.raises(OSError):
        await hosts.connect(parse(url, {}), seconds=6)
    assert {options["timeout"] for options in asked} == {seconds}
    assert len(asked) == len(parse(url, {}).hosts)


async def test_load_is_balanced_over_all_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    first = set()

    async def connect(host: str, **options: Any) -> str:
        first.add(host)
        return host

    monkeypatch.setattr(asyncpg, "connect", connect)
    for _ in range(100):
        await hosts.connect(parse("postgresql://a,b,c/d", {}), seconds=6)
    assert first == {"a"}
    for _ in range(100):
        await hosts.connect(parse("postgresql://a,b,c/d?load_balance_hosts=random", {}), seconds=6)
    assert first == {"a", "b", "c"}


def test_nothing_secret_is_shown() -> None:
    shown = repr(parse("postgresql://u:geheim@h/d?sslpassword=geheim", {}))
    assert re.search("'h'", shown)
    assert "geheim" not in shown
