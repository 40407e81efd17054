"""Who asks."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from queries.acting import Acting


def is_pattern(text: str) -> bool:
    """Return whether other names than the text itself may match it."""
    return any(sign in text for sign in "*?[")


@dataclass(frozen=True)
class Principal:
    """Somebody on whose behalf the service reads."""

    name: str
    datasets: tuple[str, ...] = ()
    """Patterns of the names of the datasets that may be read, such as `sales.*` (fnmatch, case-sensitive)."""
    role: str | None = None
    """The database role to read as; None reads as the service's own."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What is known of the caller besides, for the policies of the database. Values are those of JSON."""
    identified: bool = True
    """Whether credentials say who it is."""
    metrics: bool = False
    """Whether `/metrics` may be read, which names every dataset."""

    def may_read(self, dataset: str) -> bool:
        """Return whether the principal may know of a dataset and export it."""
        return dataset in self._names or any(fnmatchcase(dataset, pattern) for pattern in self._patterns)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.datasets)

    @cached_property
    def _patterns(self) -> list[str]:
        return [pattern for pattern in self.datasets if is_pattern(pattern)]

    @property
    def known(self) -> dict[str, Any]:
        """The claims that a dataset's parameters may come from: nothing of whoever came without credentials."""
        return self._all_claims if self.identified else {}

    @property
    def acting(self) -> Acting:
        """What the database is told of the principal."""
        return Acting(self.role, json.dumps(self._all_claims))

    @property
    def _all_claims(self) -> dict[str, Any]:
        """The claims; `sub` and `role` are the principal's own, whatever claims had these names."""
        own = {"sub": self.name} if self.role is None else {"sub": self.name, "role": self.role}
        others = {name: value for name, value in self.claims.items() if name not in ("sub", "role")}
        return others | own


ANONYMOUS = Principal("anonymous", ("*",), identified=False, metrics=True)
"""Whoever asks where no credentials are configured."""
