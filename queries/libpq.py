"""libpq's connection parameters: which are supported, and why the others are refused.

https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS. Unsupported parameters are
refused, not ignored: many exist for safety, and the driver sends those that it does not know to the server as settings,
which then refuses every connection.
"""

from collections.abc import Mapping

from queries.parameters import suggestion

_SWITCH = ("0", "1")
_TLS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_MOST_INT = 2**31 - 1

CHOICES: Mapping[str, tuple[str, ...]] = {
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("UTF8", "UTF-8", "utf8", "utf-8", "auto"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "gsslib": ("gssapi", "sspi"),
    "keepalives": _SWITCH,
    "load_balance_hosts": ("disable", "random"),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    "min_protocol_version": ("3.0",),
    "ssl_max_protocol_version": _TLS,
    "ssl_min_protocol_version": _TLS,
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslsni": ("1",),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
}
"""The supported values of parameters that have few."""

RANGES: Mapping[str, tuple[int, int]] = {
    "connect_timeout": (-_MOST_INT, _MOST_INT),
    "keepalives_count": (0, 127),
    "keepalives_idle": (0, 32_767),
    "keepalives_interval": (0, 32_767),
    "tcp_user_timeout": (0, _MOST_INT),
}
"""The smallest and the largest value of numbers; for keepalives, what Linux accepts (tcp(7))."""

PROBES: Mapping[str, tuple[str, int]] = {
    "keepalives_idle": ("TCP_KEEPIDLE", 30),
    "keepalives_interval": ("TCP_KEEPINTVL", 10),
    "keepalives_count": ("TCP_KEEPCNT", 3),
    "tcp_user_timeout": ("TCP_USER_TIMEOUT", 60_000),
}
"""The socket options (tcp(7): seconds, seconds, probes, milliseconds) and their defaults here: a server whose machine
has died is given up after a minute."""

TEXTS = frozenset(
    {
        "application_name", "dbname", "fallback_application_name", "host", "hostaddr", "krbsrvname", "options",
        "passfile", "password", "port", "sslcert", "sslcrl", "sslkey", "sslpassword", "sslrootcert", "user",
    }
)  # fmt: skip
"""Supported with any value."""

_UNSUPPORTED = "the service's driver does not support it: remove it"

REASONS: Mapping[str, str] = {
    "channel_binding": "the service's driver does not support require: remove it, and prevent interception with "
    "sslmode=verify-full (and sslrootcert=system if a public authority issued the certificate)",
    "gssencmode": "the service's driver does not support require: remove it, and set sslmode",
    "service": "service files are not read: put their parameters into the URL",
    "servicefile": "service files are not read: put their parameters into the URL",
    **dict.fromkeys(
        [
            "oauth_ca_file", "oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "replication",
            "require_auth", "requirepeer", "requiressl", "scram_client_key", "scram_server_key", "sslcrldir",
            "sslkeylogfile",
        ],
        _UNSUPPORTED,
    ),
}  # fmt: skip
"""Why parameters, or some of their values, are not supported, and what to do instead."""

VARIABLES: Mapping[str, str] = {
    "PGAPPNAME": "application_name",
    "PGCHANNELBINDING": "channel_binding",
    "PGCLIENTENCODING": "client_encoding",
    "PGCONNECT_TIMEOUT": "connect_timeout",
    "PGDATABASE": "dbname",
    "PGGSSDELEGATION": "gssdelegation",
    "PGGSSENCMODE": "gssencmode",
    "PGGSSLIB": "gsslib",
    "PGHOST": "host",
    "PGHOSTADDR": "hostaddr",
    "PGKRBSRVNAME": "krbsrvname",
    "PGLOADBALANCEHOSTS": "load_balance_hosts",
    "PGMAXPROTOCOLVERSION": "max_protocol_version",
    "PGMINPROTOCOLVERSION": "min_protocol_version",
    "PGOPTIONS": "options",
    "PGPASSFILE": "passfile",
    "PGPASSWORD": "password",
    "PGPORT": "port",
    "PGREQUIREAUTH": "require_auth",
    "PGREQUIREPEER": "requirepeer",
    "PGREQUIRESSL": "requiressl",
    "PGSERVICE": "service",
    "PGSSLCERT": "sslcert",
    "PGSSLCERTMODE": "sslcertmode",
    "PGSSLCOMPRESSION": "sslcompression",
    "PGSSLCRL": "sslcrl",
    "PGSSLCRLDIR": "sslcrldir",
    "PGSSLKEY": "sslkey",
    "PGSSLMAXPROTOCOLVERSION": "ssl_max_protocol_version",
    "PGSSLMINPROTOCOLVERSION": "ssl_min_protocol_version",
    "PGSSLMODE": "sslmode",
    "PGSSLNEGOTIATION": "sslnegotiation",
    "PGSSLROOTCERT": "sslrootcert",
    "PGSSLSNI": "sslsni",
    "PGTARGETSESSIONATTRS": "target_session_attrs",
    "PGUSER": "user",
}
"""https://www.postgresql.org/docs/current/libpq-envars.html: the parameters for which they are the defaults."""


def is_known(name: str) -> bool:
    """Return whether libpq has such a parameter."""
    return name in CHOICES or name in RANGES or name in TEXTS or name in REASONS


def fault(name: str, value: str) -> str | None:
    """Return what is wrong with a parameter and the remedy, without its value, which may be a secret."""
    if name in CHOICES:
        if value in CHOICES[name]:
            return None
        reason = f"; {REASONS[name]}" if name in REASONS else ""
        return f"{name}: expected {' or '.join(CHOICES[name])}{reason}"
    if name in RANGES:
        least, most = RANGES[name]
        return None if _is_between(value, least, most) else f"{name}: expected a whole number from {least} to {most}"
    if name in TEXTS:
        return None
    if name in REASONS:
        return f"{name}: {REASONS[name]}"
    instead = suggestion(name, [*CHOICES, *RANGES, *TEXTS])
    return f"{name} is not a libpq parameter (write a server setting as options=-c%20name%3Dvalue){instead}"


def _is_between(text: str, least: int, most: int) -> bool:
    try:
        return text.isascii() and least <= int(text) <= most
    except ValueError:
        return False
