"""Checks of the PostgreSQL URL, so that a wrong one fails at startup and not with every export."""

import os
import ssl
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from exporter.private_file import OTHERS, OUTSIDERS, exposure
from queries.conninfo import SYSTEM, ConninfoError, parameters, parse

_FILES = {"sslrootcert": 0, "sslcert": 0, "sslcrl": 0, "sslkey": OUTSIDERS, "passfile": OTHERS}
"""By the parameter that names the file: the mode bits that must not be set."""


def postgresql_url(url: SecretStr) -> SecretStr:
    """Return a URL of one host, several or none as it is.

    Raises:
        ValueError: it cannot be used; of the URL, the message holds only the name of a parameter.
    """
    try:
        parse(url.get_secret_value())
    except ConninfoError as error:
        raise ValueError(str(error)) from None
    except ValueError:  # its text may quote the URL
        raise ValueError(
            "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with ports from 1 to 65535 and special characters "
            "of the password percent-encoded, such as @ as %40"
        ) from None
    return url


def holds_password(url: SecretStr) -> bool:
    """Return whether a URL contains a password, of a role or of a key."""
    return not parameters(url.get_secret_value()).keys().isdisjoint(("password", "sslpassword"))


def check_files(url: SecretStr) -> None:
    """Check that the files named by a URL, or by libpq's environment variables, can be used.

    The driver would fail only when it connects, and would not report a password file that others can read.

    Raises:
        ValueError: a file cannot be used; the message names the parameter.
    """
    given = parse(url.get_secret_value()).given
    for name in _FILES:
        if name in given and given[name] != SYSTEM:
            _check_file(name, Path(given[name]))
    verified = given.get("sslmode", "").startswith("verify-")
    if verified and "sslrootcert" not in given and not _own("root.crt"):
        raise ValueError(f"sslmode={given['sslmode']} requires sslrootcert: a file of CA certificates, or system")
    try:
        _load(given)
    except (OSError, ValueError) as error:  # ssl's errors are OSErrors; a key's password may be too long for it
        raise ValueError(
            "sslrootcert, sslcert or sslkey: not PEM, or the key does not match the certificate"
        ) from error


def _check_file(name: str, path: Path) -> None:
    try:
        with path.open("rb") as stream:
            status = os.fstat(stream.fileno())
            stream.read(1)
    except OSError as error:
        raise ValueError(f"{name}: {path}: {error.strerror}") from error
    wrong = exposure(path, status, _FILES[name]) if _FILES[name] else None
    if wrong:
        raise ValueError(f"{name}: {wrong}")


def _load(given: Mapping[str, str]) -> None:
    """Load what the driver would load.

    Raises:
        OSError, ValueError: a file cannot be loaded.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in ("sslrootcert", "sslcrl"):
        if name in given and given[name] != SYSTEM:
            context.load_verify_locations(cafile=given[name])
    if "sslcert" in given:
        password, key = given.get("sslpassword", ""), given.get("sslkey") or _own("postgresql.key")
        context.load_cert_chain(given["sslcert"], key, password=lambda: password)


def _own(name: str) -> Path | None:
    """Return the file that libpq uses by default, if it exists."""
    try:
        path = Path.home() / ".postgresql" / name
    except RuntimeError:  # no home
        return None
    return path if path.exists() else None
