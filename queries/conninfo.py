"""Where the database is and how to connect to it: a libpq URL and libpq's environment variables."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlencode, urlsplit

from queries.libpq import PROBES, VARIABLES, fault, is_known

_HOST = re.compile(r"(\[[^\[\]]+\]|[^\[\]:@]+)(:(?P<port>[^:]*))?")
_MOST = 65_535
_NAME = re.compile("[a-z_]+")

_OF_TLS = (
    "sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl", "sslnegotiation",
    "ssl_min_protocol_version", "ssl_max_protocol_version", "krbsrvname", "gsslib",
)  # fmt: skip
"""What the driver reads from a URL itself, with the meaning that libpq gives it."""

_STRICT = ("require", "verify-ca", "verify-full")
"""The values of sslmode that require TLS."""

SYSTEM = "system"
"""Stands for the certificate authorities that the system trusts, instead of a file."""


class ConninfoError(ValueError):
    """A parameter is not supported; the message names it and the remedy, and contains no value."""


@dataclass(frozen=True, slots=True)
class Conninfo:
    """The connection parameters for the driver. The `repr` contains no secret."""

    hosts: tuple[tuple[str | None, int | None], ...]
    """Hosts with their ports, in the order in which they are tried; None means the driver's default."""
    options: Mapping[str, Any] = field(repr=False)
    """The driver's arguments, the same for every host."""
    given: Mapping[str, str] = field(repr=False)
    """All parameters, by their names in libpq."""

    @property
    def timeout(self) -> float | None:
        """How many seconds a host may take to answer, if there is a limit."""
        seconds = int(self.given.get("connect_timeout", "0"))
        return seconds if seconds > 0 else None

    @property
    def wanted(self) -> str:
        """What kind of server is wanted (`target_session_attrs`)."""
        return self.given.get("target_session_attrs", "any")

    @property
    def shuffled(self) -> bool:
        """Whether each connection tries the hosts in random order."""
        return self.given.get("load_balance_hosts") == "random"

    @property
    def keeps_alive(self) -> bool:
        """Whether the kernel probes an idle connection."""
        return self.given.get("keepalives", "1") == "1"

    def probes(self) -> dict[str, int]:
        """Return the socket options that detect a lost server; those with 0, the system's default, are left out."""
        values = {option: int(self.given.get(name, default)) for name, (option, default) in PROBES.items()}
        return {option: value for option, value in values.items() if value}


def parse(url: str, environment: Mapping[str, str] | None = None) -> Conninfo:
    """Return the parameters of a URL, completed by libpq's environment variables.

    Raises:
        ConninfoError: a parameter is unknown, not supported, or has an invalid value.
        ValueError: this is not a PostgreSQL URL; the message may contain parts of the URL.
    """
    said = parameters(url)
    variables = os.environ if environment is None else environment
    given = {name: value for variable, name in VARIABLES.items() if (value := variables.get(variable))} | said
    for name, value in given.items():
        if wrong := fault(name, value):
            variable = next((variable for variable, named in VARIABLES.items() if named == name), "")
            raise ConninfoError(wrong if name in said else f"(by {variable}) {wrong}")
    return Conninfo(_hosts(given), _options(given), given)


def parameters(url: str) -> dict[str, str]:
    """Return the parameters of the URL itself, by their names in libpq; the query string overrides the rest.

    Raises:
        ConninfoError, ValueError: see `parse`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql") or parts.fragment:
        raise ValueError("not a PostgreSQL URL")
    login, at, authority = parts.netloc.partition("@")
    user, _, password = login.partition(":") if at else ("", "", "")
    before = {"user": unquote(user), "password": unquote(password), "dbname": unquote(parts.path.removeprefix("/"))}
    before |= _authority(authority if at else parts.netloc)
    given = before | _query(parts.query)
    return {name: value for name, value in given.items() if value}


def _authority(text: str) -> dict[str, str]:
    """Return the hosts and ports before the path."""
    if not text:
        return {}
    found = [_HOST.fullmatch(one) for one in text.split(",")]
    if not all(found):
        raise ValueError("not a list of hosts")
    hosts = ",".join(unquote(one[1]).strip("[]") for one in found if one)
    ports = [one["port"] or "" for one in found if one]
    return {"host": hosts} | ({"port": ",".join(ports)} if any(ports) else {})


def _query(text: str) -> dict[str, str]:
    """Return the parameters of a query string; in libpq's URLs a plus sign is a plus sign."""
    given: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, equals, value = pair.partition("=")
        if not equals:
            raise ValueError("a parameter without a value")
        name, value = unquote(name), unquote(value)
        if name == "ssl" and value == "true":  # JDBC's, which libpq takes too
            name, value = "sslmode", "require"
        # An unescaped question mark in a password makes the rest of it the query.
        if not is_known(name) and (not _NAME.fullmatch(name) or "@" in text):
            raise ValueError("not the name of a parameter")
        given[name] = value
    return given


def _hosts(given: Mapping[str, str]) -> tuple[tuple[str | None, int | None], ...]:
    if "host" in given and "hostaddr" in given:
        raise ConninfoError("hostaddr: the driver takes either a name or an address: remove hostaddr or host")
    named = given.get("hostaddr") or given.get("host")
    hosts: list[str | None] = [_host(one) for one in named.split(",")] if named else [None]
    ports = [_port(one) for one in given.get("port", "").split(",")]
    if len(ports) == 1:
        ports *= len(hosts)
    if len(ports) != len(hosts):
        raise ConninfoError("port: expected one port, or as many as there are hosts")
    return tuple(zip(hosts, ports, strict=True))


def _host(text: str) -> str:
    """Return the text if it can be a host: a socket's folder, an address, or a name."""
    if text.startswith("/"):
        return text
    if ":" in text:
        return str(ip_address(text.strip("[]")))
    if not text or text.startswith("@"):
        raise ValueError("not a host")
    text.encode("idna")  # as the resolver does; raises for an impossible name
    return text


def _port(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= _MOST):
        raise ValueError("not a port")
    return int(text)


def _options(given: Mapping[str, str]) -> dict[str, Any]:
    names = {"user": "user", "password": "password", "database": "dbname"}
    found: dict[str, Any] = {argument: given[name] for argument, name in names.items() if name in given}
    if "passfile" in given:
        found["passfile"] = Path(given["passfile"])
    settings = {"application_name": given.get("application_name") or given.get("fallback_application_name", "exporter")}
    settings |= {"options": given["options"]} if "options" in given else {}
    tls = {name: given[name] for name in _OF_TLS if name in given}
    if tls.get("sslrootcert") == SYSTEM:
        found["ssl"] = _by_system(tls)
    elif tls.get("sslnegotiation") == "direct" and tls.get("sslmode") not in _STRICT:
        raise ConninfoError(f"sslnegotiation=direct needs sslmode={' or '.join(_STRICT)}")
    return found | {
        "dsn": f"postgresql://?{urlencode(tls, quote_via=quote)}",
        "server_settings": settings,
    }


def _by_system(tls: dict[str, str]) -> bool:
    """Return True, which makes the driver verify the server's certificate and name by the system's authorities.

    Raises:
        ConninfoError: another parameter contradicts this.
    """
    del tls["sslrootcert"]
    if tls.pop("sslmode", "verify-full") != "verify-full":
        raise ConninfoError("sslrootcert=system needs sslmode=verify-full")
    if others := [name for name in tls if name.startswith("ssl") and name != "sslnegotiation"]:
        raise ConninfoError(f"{others[0]} cannot be combined with sslrootcert=system: remove one of the two")
    return True
