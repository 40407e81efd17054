"""A dataset: a named query, its parameters, and what its columns become."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict

from queries.binding import Template
from queries.consistency import faults
from queries.declaration import Parameter
from queries.header import Header

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*")


def checked_name(name: str) -> str:
    """Return the name of a dataset; raise ValueError if it cannot be a part of an address."""
    if not _NAME.fullmatch(name):
        raise ValueError("expected a name of letters, digits, - and _, in parts with a dot between them")
    return name


class Dataset(BaseModel):
    """A named export. Equal files make equal datasets. A dataset is complete without a database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(checked_name)]
    sql: str
    """The query as it was written; empty if the header names a table."""
    header: Header
    path: Path | None
    line: int
    """The line of the file on which `sql` begins. Rendering adds no lines, so errors can be located."""

    def __init__(
        self,
        name: str,
        *,
        sql: str = "",
        header: Header | None = None,
        path: Path | None = None,
        line: int = 1,
        **keys: Any,
    ) -> None:
        """Take the header's keys as keywords, `Dataset("orders", sql="…", title="Orders")`.

        Or take a header that has been checked together with the SQL (`queries.consistency`), as the catalogue does with
        lines: that takes milliseconds, and workers are given a catalogue that is checked already.

        Raises:
            ValueError: the name or a key is wrong, or the header and the SQL contradict each other.
        """
        if header is None:
            header = Header(**keys)
            if found := faults(sql, dict(header)):
                raise ValueError("; ".join(fault.message for fault in found))
        elif keys:
            raise TypeError("expected a header or its keys, not both")
        super().__init__(name=name, sql=sql, header=header, path=path, line=line)

    @property
    def title(self) -> str:
        """The header's title, or else the name."""
        return self.header.title or self.name

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in the order of declaration, each with its name."""
        declared = self.header.parameters.items()
        # Only what was declared: None is not a valid limit or default.
        return tuple(Parameter(name=name, **one.model_dump(exclude_unset=True)) for name, one in declared)

    @property
    def settable(self) -> tuple[Parameter, ...]:
        """The parameters that callers may set, and know of."""
        return tuple(parameter for parameter in self.parameters if parameter.claim is None)

    @cached_property
    def query(self) -> Template:
        """The query with its parameters, ready to be bound."""
        table = self.header.table
        sql = self.sql if table is None else f"SELECT * FROM {table}"  # noqa: S608 - the header quotes the names
        return Template(sql, self.parameters)
