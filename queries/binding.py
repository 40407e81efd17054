"""Puts arguments into SQL: as numbered parameters for a cursor, as inert literals for COPY, which takes none."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import asyncpg

from queries.connection import Connection
from queries.declaration import Parameter, Value
from queries.describe import Description, describe
from queries.errors import ArgumentRejected, QueryRejected, kind_of, translated
from queries.lexer import placeholders, tokens, trimmed
from queries.parameters import suggestion
from queries.quoting import literal


class SqlFault(NamedTuple):
    """What is wrong with a dataset's SQL, or between the SQL and the header."""

    key: tuple[str, ...]
    """The path of the header's key that is at fault, where the SQL is not."""
    position: int | None
    """The offset in the SQL, in characters, or None where the header is at fault."""
    message: str


def faults(sql: str, declared: Sequence[str]) -> list[SqlFault]:
    """Find placeholders that are not declared, bare `$1`, and declared names that are not used.

    An undeclared name inside square brackets is the upper bound of an array slice, `x[1:n]`.
    """
    found = placeholders(sql)
    used = {place.name for place in found}
    undeclared = [
        SqlFault((), place.start, f":{place.name} is not declared{suggestion(place.name, declared)}")
        for place in found
        if place.name not in declared and not place.depth
    ]
    bare = [
        SqlFault((), start, f"{sql[start:end]} cannot be bound: declare a parameter and write its :name")
        for kind, start, end in tokens(sql)
        if kind == "number"
    ]
    unused = [
        SqlFault(("parameters", name), None, f":{name} is declared but not used")
        for name in declared
        if name not in used
    ]
    return undeclared + bare + unused


@dataclass(frozen=True)
class Template:
    """A dataset's SQL with its parameters, all of which are used; made once and rendered for each export."""

    sql: str
    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self) -> None:
        if wrong := faults(self.sql, [parameter.name for parameter in self.parameters]):
            raise ValueError("; ".join(fault.message for fault in wrong))

    def numbered(self) -> str:
        """Render with `$1`…`$n`, numbered in the order of declaration; each takes text (an array: text[])."""
        return self._render(self.expressions)

    def literal(self, values: Sequence[Value]) -> str:
        """Render with values, in the order of declaration; an array is a list of items or the text of an array literal.

        Every character is escaped, so that no value can end its literal.
        """
        if len(values) != len(self.parameters):
            raise ValueError(f"{len(self.parameters)} parameters, {len(values)} values")
        return self._render([_literal(*pair) for pair in zip(self.parameters, values, strict=True)])

    @cached_property
    def expressions(self) -> list[str]:
        """The typed expression of each parameter in the numbered form."""
        texts = (f"pg_catalog.text{'[]' if parameter.is_array else ''}" for parameter in self.parameters)
        return [
            f"(${number}::{text}::{_type(parameter)})"
            for number, (text, parameter) in enumerate(zip(texts, self.parameters, strict=True), start=1)
        ]

    @cached_property
    def _pieces(self) -> list[str | int]:
        """The SQL in pieces: text, and the index of the parameter that stands between two texts."""
        index = {parameter.name: number for number, parameter in enumerate(self.parameters)}
        pieces: list[str | int] = []
        end = 0
        for place in placeholders(self.sql):
            if place.name in index:
                pieces += [self.sql[end : place.start], index[place.name]]
                end = place.end
        return [*pieces, trimmed(self.sql)[end:]]

    def _render(self, expressions: Sequence[str]) -> str:
        return "".join(piece if isinstance(piece, str) else expressions[piece] for piece in self._pieces)


def _type(parameter: Parameter) -> str:
    return f'"pg_catalog"."{parameter.scalar.postgres}"{"[]" if parameter.is_array else ""}'


def _literal(parameter: Parameter, value: Value) -> str:
    if value is None:
        return f"(NULL::{_type(parameter)})"
    return f"({literal(value if isinstance(value, str) else _array(value))}::{_type(parameter)})"


def _array(items: Sequence[str | None]) -> str:
    """Write an array literal (PostgreSQL, "Array Input and Output Syntax"), every item quoted."""
    quoted = ("NULL" if item is None else '"' + item.replace("\\", "\\\\").replace('"', '\\"') + '"' for item in items)
    return "{" + ",".join(quoted) + "}"


async def bind(
    connection: Connection, template: Template, values: Sequence[Value], described: Description | None = None
) -> str:
    """Return one statement without parameters; the server has confirmed that it is the dataset's query.

    `values` are in the order of declaration. `described` is the description of `template.numbered()`, where the
    caller already has it.

    Raises:
        ArgumentRejected: the server cannot read a value. The transaction has ended then; a new read-only one
            has begun, without the settings of the old one.
        QueryError: the server rejects the query, or sees other parameters or columns than were declared.
    """
    if described is None:
        described = await describe(connection, template.numbered(), values=False)
    if described.parameters != len(template.parameters):
        raise QueryRejected(f"declared {len(template.parameters)} parameters, the server sees {described.parameters}")
    if not template.parameters:
        return template.numbered()
    sql = template.literal(await _texts(connection, template, values))
    bound = await describe(connection, sql)
    if bound.parameters or _shape(bound) != _shape(described):
        raise QueryRejected("the query with literals differs from the query with parameters")
    return sql


def _shape(description: Description) -> list[tuple[str, int]]:
    return [(attribute.name, attribute.oid) for attribute in description.attributes]


async def _texts(connection: Connection, template: Template, values: Sequence[Value]) -> list[str | None]:
    """Have the server turn every value into text with its type's output function."""
    columns = [
        f"CASE WHEN {value} IS NULL THEN NULL ELSE pg_catalog.format('%s', {value}) END"
        for value in template.expressions
    ]
    with translated():
        try:
            return await _attempt(connection, f"SELECT {', '.join(columns)}", values)
        except asyncpg.DataError:
            await _blame(connection, template, values)
            raise


async def _blame(connection: Connection, template: Template, values: Sequence[Value]) -> None:
    """Raise for the first argument that the server rejects by itself."""
    for parameter, value in zip(template.parameters, values, strict=True):
        single = Template(f"SELECT :{parameter.name}", (parameter,))
        try:
            await _attempt(connection, single.numbered(), [value])
        except asyncpg.DataError as error:
            raise ArgumentRejected(parameter.name, kind_of(error), is_bound=parameter.claim is not None) from error


async def _attempt(connection: Connection, sql: str, values: Sequence[Value]) -> list[str | None]:
    """Fetch one row; if a value is wrong, a surrounding transaction is replaced by a new one."""
    try:
        return list(await connection.fetchrow(sql, *values) or ())
    except asyncpg.DataError:
        if connection.is_in_transaction():
            # A savepoint would keep the old one, and cost every export two round trips for the sake of a refused one.
            # AND CHAIN would not do: once aborted, a transaction no longer knows that it was to read only.
            await connection.execute("ROLLBACK; BEGIN READ ONLY")
        raise
