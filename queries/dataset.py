"""A dataset: a named query, its parameters, and what its columns become."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt

from queries.binding import Template
from queries.declaration import Declaration, Parameter
from queries.lexer import tokens
from queries.types import Policy

_DECIMAL = re.compile(r"decimal\( *(\d{1,2}) *, *(\d{1,2}) *\)", re.ASCII)
_MAX_DECIMAL_DIGITS = 76
"""What Arrow's decimal256 holds."""
_QUOTED_NAME = re.compile(r'"(?:[^"\0]|"")+"')


def _column_type(text: str) -> str:
    match = _DECIMAL.fullmatch(text)
    if match:
        precision, scale = int(match[1]), int(match[2])
        if 1 <= precision <= _MAX_DECIMAL_DIGITS and scale <= precision:
            return f"decimal({precision},{scale})"
    if text not in ("double", "json", "string"):
        raise ValueError(f'expected "decimal(p,s)" with p up to {_MAX_DECIMAL_DIGITS}, "double", "json" or "string"')
    return text


def _table(text: str) -> str:
    """Quote a table's name, folded as the server folds it; nothing but one or two names gets through."""
    pieces = [
        f'"{_folded(text[start:end])}"' if kind == "identifier" else text[start:end]
        for kind, start, end in tokens(text)
    ]
    names, dots = pieces[::2], pieces[1::2]
    if len(pieces) not in (1, 3) or dots not in ([], ["."]) or not all(map(_QUOTED_NAME.fullmatch, names)):
        raise ValueError('expected a table such as public.orders or "Sales"."Orders"')
    return "".join(pieces)


def _folded(name: str) -> str:
    return re.sub("[A-Z]+", lambda upper: upper[0].lower(), name)


def _parameter_name(name: str) -> str:
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise ValueError("expected a name of a-z, 0-9 and _ that begins with a letter")
    return name


def _header_value(text: str) -> str:
    if not re.fullmatch("[\x20-\x7e]+", text):
        raise ValueError("expected one line of printable ASCII")
    return text


_ParameterName = Annotated[str, AfterValidator(_parameter_name)]


class ColumnOverride(BaseModel):
    """What a dataset declares about one of its columns, where the server's own description does not do."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    type: Annotated[str, AfterValidator(_column_type)] | None = None
    on_unrepresentable: Policy | None = None


class Header(BaseModel):
    """The TOML header of a SQL file."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    title: str = Field(default="", max_length=200)
    description: str = ""
    table: Annotated[str, AfterValidator(_table)] | None = None
    parameters: dict[_ParameterName, Declaration] = {}
    columns: dict[str, ColumnOverride] = {}
    on_unrepresentable: Policy = "error"
    source: Literal["copy", "cursor"] = "copy"
    partition_by: Annotated[str, Field(min_length=1)] | None = None
    # TOML's floats are read as Decimal, so that numeric defaults keep their digits.
    statement_timeout: Annotated[float, Field(gt=0, le=2_000_000, strict=False)] | None = None
    cache_control: Annotated[str, AfterValidator(_header_value)] | None = None
    max_exports: PositiveInt | None = None
    max_rows: NonNegativeInt | None = None
    max_bytes: NonNegativeInt | None = None
    max_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False, strict=False)] | None = None
    max_estimated_rows: NonNegativeInt | None = None


class Dataset(BaseModel):
    """A named export. Equal files make equal datasets; all of it is known without a database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    description: str = ""
    sql: str
    """The query as its file has it, or the `SELECT` that stands for `table`."""
    table: str | None = None
    """The quoted name of a dataset that is a whole table or view."""
    parameters: tuple[Parameter, ...] = ()
    columns: dict[str, ColumnOverride] = {}
    on_unrepresentable: Policy = "error"
    source: Literal["copy", "cursor"] = "copy"
    partition_by: str | None = None
    """The column by whose ranges several connections may read the query at once."""
    statement_timeout: float | None = None
    """Seconds, instead of the service's own limit."""
    cache_control: str | None = None
    max_exports: int | None = None
    """How many exports of it may run at once; None means as many as of all."""
    max_rows: int | None = None
    """This and the following: instead of the service's own limit; 0 means none."""
    max_bytes: int | None = None
    max_seconds: float | None = None
    max_estimated_rows: int | None = None
    path: Path | None = None
    line: int = 1
    """The line of the file on which `sql` begins; rendering adds no lines, so errors can be located."""

    @cached_property
    def query(self) -> Template:
        """The query with its parameters, ready to be bound."""
        return Template(self.sql, self.parameters)
