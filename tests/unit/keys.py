"""Keys, as a keys file has them."""

from datetime import UTC, datetime
from typing import Any

from exporter.access.key import Key
from exporter.access.tokens import digest_of

NOW = datetime.now(UTC).replace(microsecond=0)


def key(token: str = "t", **how: Any) -> Key:
    """A key with this token; what is not said is that of most keys."""
    return Key(sha256=digest_of(token), **{"datasets": ("sales.*", "other"), "created": NOW} | how)
