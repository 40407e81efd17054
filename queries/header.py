"""The keys of a dataset's header. Files, Python declarations, documentation and JSON schema all come from here."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, WithJsonSchema

from queries.decimals import DECIMAL_PATTERN, MAX_DIGITS, declared_decimal
from queries.declaration import Declaration
from queries.lexer import tokens
from queries.types import Policy

_QUOTED_NAME = re.compile(r'"(?:[^"\0]|"")+"')
_NAMED_TYPES = ("double", "json", "string")


def _column_type(text: str) -> str:
    if text in _NAMED_TYPES or declared_decimal(text):
        return text.replace(" ", "")
    raise ValueError(f'expected "decimal(p,s)" with p up to {MAX_DIGITS}, "double", "json" or "string"')


def _table(text: str) -> str:
    """Quote a table's name, in lower case as the server would read it; anything but one or two names is refused."""
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


# What a function checks, a JSON Schema says by a pattern, as far as one can; an editor's anchors count.
_ParameterName = Annotated[
    str, AfterValidator(_parameter_name), WithJsonSchema({"type": "string", "pattern": "^[a-z][a-z0-9_]*$"})
]
_HeaderValue = Annotated[str, AfterValidator(_header_value), WithJsonSchema({"type": "string", "pattern": "^[ -~]+$"})]
_ColumnType = Annotated[
    str,
    AfterValidator(_column_type),
    WithJsonSchema({"anyOf": [{"enum": [*_NAMED_TYPES]}, {"type": "string", "pattern": DECIMAL_PATTERN}]}),
]

# TOML's floats are read as Decimal, so that numeric defaults keep their digits.
_Timeout = Annotated[float, Field(gt=0, le=2_000_000, strict=False)]
_Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=False)]


class ColumnOverride(BaseModel):
    """What a dataset declares about one of its columns, where the server's own description is not enough."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    type: _ColumnType | None = Field(
        default=None,
        description='The type in Parquet and Arrow: `"decimal(p,s)"` or `"double"` for a `numeric` without precision; '
        '`"json"` for arrays of several dimensions and types with a cast to json; `"string"` for the server\'s text.',
    )
    on_unrepresentable: Policy | None = Field(
        default=None,
        description="What happens to a value of this column that the format cannot hold; overrides the dataset's own.",
    )


class OwnBounds(BaseModel):
    """The bounds that a dataset sets for its exports: None keeps the service's setting, 0 means no limit."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    max_rows: NonNegativeInt | None = Field(
        default=None,
        description="The most rows that one export may have; 0 means no limit. Overrides `EXPORTER_MAX_ROWS`.",
    )
    max_bytes: NonNegativeInt | None = Field(
        default=None,
        description="The most bytes that one export may send; 0 means no limit. Overrides `EXPORTER_MAX_BYTES`.",
    )
    max_seconds: _Seconds | None = Field(
        default=None,
        description="How many seconds one export may take; 0 means no limit. Overrides `EXPORTER_MAX_SECONDS`.",
    )
    max_estimated_rows: NonNegativeInt | None = Field(
        default=None,
        description="The most rows that PostgreSQL may expect before the query runs; 0 means no limit. "
        "Overrides `EXPORTER_MAX_ESTIMATED_ROWS`.",
    )

    def own_bounds(self) -> dict[str, Any]:
        """Return the bounds that are set, by name."""
        bounds = {name: getattr(self, name) for name in OwnBounds.model_fields}
        return {name: bound for name, bound in bounds.items() if bound is not None}


class Header(OwnBounds):
    """What a dataset says about itself besides its name and its SQL; in a SQL file, the TOML document in front."""

    title: str = Field(
        default="",
        max_length=200,
        description="A short name for people; without it the dataset's name is shown.",
    )
    description: str = Field(
        default="",
        description="What the dataset holds, in a sentence or more.",
    )
    table: Annotated[str, AfterValidator(_table)] | None = Field(
        default=None,
        description="A table or view that is exported whole, such as `public.orders`. The dataset then has no SQL.",
    )
    parameters: dict[_ParameterName, Declaration] = Field(
        default={},
        description="What a caller may set, by name. The SQL uses the parameter `since` as `:since`.",
    )
    columns: dict[str, ColumnOverride] = Field(
        default={},
        description="What becomes of a column, by the column's name.",
    )
    on_unrepresentable: Policy = Field(
        default="error",
        description="What happens to a value that the format cannot hold: the export fails, or the value becomes NULL.",
    )
    source: Literal["copy", "cursor"] = Field(
        default="copy",
        description="How rows are read. The cursor is slower, and is used by itself where the server refuses COPY.",
    )
    split_by: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="A column of integers, dates or timestamps. Several connections may read the query at once, "
        "each a range of this column's values.",
    )
    statement_timeout: _Timeout | None = Field(
        default=None,
        description="How many seconds the query may run. Overrides `EXPORTER_STATEMENT_TIMEOUT`.",
    )
    cache_control: _HeaderValue | None = Field(
        default=None,
        description="The `Cache-Control` header of an export; without it, `no-store`.",
    )
    max_exports: PositiveInt | None = Field(
        default=None,
        description="How many exports of this dataset may run at once; by default, as many as of all datasets.",
    )
