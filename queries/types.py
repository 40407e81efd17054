"""PostgreSQL's column types, and the Arrow types that stand for them."""

from dataclasses import dataclass
from enum import Enum
from typing import Literal

import pyarrow as pa


class Kind(Enum):
    """The syntax of a value's text, which decides how it is read."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    FLOAT = "float"
    NUMERIC = "numeric"
    OID = "oid"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    BYTEA = "bytea"
    UUID = "uuid"
    JSON = "json"
    PLAIN = "plain"
    """Text that never needs escaping in JSON: network addresses, bits, geometry, timetz, xid."""
    TEXT = "text"
    ARRAY = "array"
    DOCUMENT = "document"
    """Composites, records and types with a cast to json, which `to_json` turns into JSON."""


@dataclass(frozen=True, slots=True)
class PgType:
    """A type as `pg_type` describes it."""

    oid: int
    schema: str
    name: str
    """Its `typname`, such as `numeric`, `_int4`, `citext`."""
    type: str
    """Its `typtype`: b base, c composite, d domain, e enum, p pseudo, r range, m multirange."""
    display: str
    """Its `format_type(oid, NULL)`, such as `timestamp with time zone`."""
    element: int = 0
    """The element's oid of a true array, else 0."""
    base: int = 0
    """The base type's oid of a domain, else 0."""
    base_modifier: int = -1
    """The modifier that a domain puts on its base type."""
    casts_to_json: bool = False
    """Whether `to_json` uses a cast function for it, or for something inside of it (hstore, PostGIS' geometry)."""


@dataclass(frozen=True, slots=True)
class Attribute:
    """A result column as the server describes it (RowDescription), which already counts a domain as its base type."""

    name: str
    oid: int
    modifier: int = -1
    """The type modifier (`atttypmod`), -1 when there is none; of an array, its element's."""
    table: int = 0
    """The oid of the table that the column was read from, 0 for an expression."""
    number: int = 0
    """The column's number in that table."""


Policy = Literal["error", "null"]
"""What happens to a value that the Arrow type cannot hold, that is not valid text, or that has no JSON."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export: how its text is read and what it becomes."""

    name: str
    postgres_type: str
    """For people, with its modifier: `numeric(10,2)`."""
    kind: Kind
    arrow_type: pa.DataType
    element: "Column | None" = None
    """The element of an ARRAY column that becomes a list."""
    policy: Policy = "error"
    settings: frozenset[str] = frozenset()
    """The session settings that the text of its values depends on."""
    json_cast: str = ""
    """The type in SQL, if its values become JSON by a cast, which may fail for some."""

    @property
    def cast_by_value(self) -> bool:
        """Whether a value whose cast to json fails becomes NULL."""
        return bool(self.json_cast) and self.policy == "null"
