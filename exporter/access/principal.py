"""Principals: on whose behalf the service reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

from queries.acting import Acting


def is_pattern(text: str) -> bool:
    """Return whether the text can match names other than itself."""
    return any(sign in text for sign in "*?[")


@dataclass(frozen=True)
class Principal:
    """An authenticated caller, or the anonymous one."""

    name: str
    datasets: tuple[str, ...] = ()
    """Patterns of the datasets that may be read, such as `sales.*` (fnmatch, case-sensitive)."""
    role: str | None = None
    """The database role to read as; None means the service's own."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Other claims of the caller, for the database's policies. Values are JSON values."""
    identified: bool = True
    """Whether credentials say who it is."""
    metrics: bool = False
    """Whether the principal may read `/metrics`, which names every dataset."""

    def may_read(self, dataset: str) -> bool:
        """Return whether the principal may see and export a dataset."""
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
        """The role and claims for the database."""
        return Acting(self.role, json.dumps(self._all_claims))

    @property
    def _all_claims(self) -> dict[str, Any]:
        """The claims; `sub` and `role` are the principal's, and replace claims so named."""
        own = {"sub": self.name} if self.role is None else {"sub": self.name, "role": self.role}
        others = {name: value for name, value in self.claims.items() if name not in ("sub", "role")}
        return others | own


ANONYMOUS = Principal("anonymous", ("*",), identified=False, metrics=True)
"""Every caller when no credentials are configured."""
