"""API keys as stored in the keys file."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from exporter.access.principal import Principal
from queries.acting import is_role

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")
_PATTERN = re.compile(r"[A-Za-z0-9._*?\[\]!-]{1,200}")
_DURATION = re.compile("([0-9]{1,4})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _role(name: str | None) -> str | None:
    if name is not None and not is_role(name):
        raise ValueError(f"{name!r} is not a valid role name")
    return name


def pattern(text: str) -> str:
    """Return a valid pattern of dataset names unchanged.

    Raises:
        ValueError: it is not a pattern that a name could match.
    """
    if not _PATTERN.fullmatch(text):
        raise ValueError(f"{text!r} is not a pattern of dataset names, such as orders or sales.*")
    return text


class Key(BaseModel):
    """One key: the digest of its token, what it may read, and until when."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the token."""
    datasets: Annotated[tuple[Annotated[str, AfterValidator(pattern)], ...], Field(min_length=1)]
    role: Annotated[str | None, AfterValidator(_role)] = None
    created: AwareDatetime
    expires: AwareDatetime | None = None
    metrics: bool = False

    def expired(self) -> bool:
        """Return whether the key has expired."""
        return self.expires is not None and self.expires <= datetime.now(UTC)

    def principal(self, name: str) -> Principal:
        """Return the principal that this key authenticates."""
        return Principal(name, self.datasets, self.role, metrics=self.metrics)


def checked_name(name: str) -> str:
    """Return a valid key name unchanged.

    Raises:
        ValueError: a key cannot have this name.
    """
    if not _NAME.fullmatch(name) or name == "anonymous":
        raise ValueError(f"{name!r} is not a valid key name: use letters, digits and . _ @ - (anonymous is reserved)")
    return name


def keys_of(document: Mapping[str, Any]) -> dict[str, Key]:
    """Return the keys of a keys file by name.

    Raises:
        ValueError: the document is invalid; the message names the first fault and contains no digest.
    """
    if document.keys() - {"keys"} or not isinstance(tables := document.get("keys", {}), dict):
        raise ValueError("expected only tables named [keys.NAME]")
    keys = {}
    for name, table in tables.items():
        try:
            keys[checked_name(name)] = Key.model_validate(table)
        except ValidationError as error:
            fault = error.errors()[0]
            raise ValueError(f"keys.{name}.{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error
    if len({key.sha256 for key in keys.values()}) < len(keys):
        raise ValueError("two keys have the same token")
    return keys


def duration(text: str) -> timedelta:
    """Return the duration in a text such as 90d or 12h.

    Raises:
        ValueError: the text is not a duration.
    """
    match = _DURATION.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text!r} is not a duration such as 30m, 12h, 90d or 52w")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})
