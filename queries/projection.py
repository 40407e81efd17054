"""The SELECT around a dataset's query that makes every column's text what its reader expects."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import pyarrow as pa

from queries.quoting import quoted
from queries.types import Column, Kind

_FREE_TEXT = (Kind.TEXT, Kind.DOCUMENT)
"""The kinds whose text may begin with any character. The text of numbers, dates, bits and the like is always the
server's own, and JSON and arrays begin with a bracket, a quote, a number or a word; so do composites, but not all types
with a cast to json."""


class Projection(Enum):
    """The form in which the text of columns comes out."""

    CSV = "csv"
    """The server's own text of each value, as COPY prints it."""

    TEXT = "text"
    """The same, but arrays and composites as JSON."""

    TYPED = "typed"
    """What `queries.typed_decoder` reads: arrays as JSON, but their elements as text where they are JSON themselves."""


def project(  # noqa: PLR0913 - what is optional is by keyword
    sql: str,
    columns: Sequence[Column],
    projection: Projection,
    *,
    chosen: Sequence[int] | None = None,
    limit: int | None = None,
    as_bytes: bool = False,
    comment: str = "",
    escaped: str = "",
    encoding: str = "UTF8",
) -> str:
    """Return a SELECT of the query's columns, or of those `chosen` by position, in that order.

    `columns` are all columns of the query `sql`, which must be one statement without a final semicolon. Its rows keep
    their order. With `as_bytes` every output column is a bytea of what COPY would have printed, and NULL stays NULL. A
    text whose first character after any spaces is in `escaped` gets a leading apostrophe, so that no spreadsheet takes
    it for a formula. A `comment` comes first, since `pg_stat_activity` truncates long statements.
    `encoding` is that of `queries.connection.text_encoding`.
    """
    positions = range(len(columns)) if chosen is None else chosen
    form = _Form(projection, as_bytes, escaped, encoding)
    outputs = ", ".join(
        f"{_output(f'c{position}', columns[position], form)} AS {quoted(columns[position].name)}"
        for position in positions
    )
    # A query's last line may end in a comment: the bracket that closes it must not.
    aliases = f"({', '.join(f'c{position}' for position in range(len(columns)))})" if columns else ""
    bound = f"\nLIMIT {limit:d}" if limit is not None else ""
    return f"{comment}SELECT {outputs}\nFROM (\n{sql}\n) r{aliases}{bound}"


@dataclass(frozen=True, slots=True)
class _Form:
    """How columns come out; see `project`."""

    projection: Projection
    as_bytes: bool
    escaped: str
    encoding: str

    def sent(self, text: str) -> str:
        """Return the bytes that a client would get of a text."""
        return (
            f"pg_catalog.textsend({text})" if self.encoding == "UTF8" else f"pg_catalog.convert_to({text}, 'SQL_ASCII')"
        )


def _output(name: str, column: Column, form: _Form) -> str:
    expression = name if form.projection is Projection.CSV else _json(name, column, form.projection)
    guarded = form.escaped and column.kind in _FREE_TEXT and column.postgres_type != "money"
    if not form.as_bytes and not guarded:
        return expression
    text = f"pg_catalog.format('%s', {expression})"
    formula = f"pg_catalog.concat('''', {text})"
    value, apostrophe = (form.sent(text), form.sent(formula)) if form.as_bytes else (text, formula)
    escape = f"WHEN {_begins(form.sent(text), form.escaped)} THEN {apostrophe} " if guarded else ""
    # IS NOT NULL is false for a composite with a NULL inside, and `::text` is not what bool, char(n) and inet print.
    return f"CASE {escape}WHEN {name} IS DISTINCT FROM NULL THEN {value} END"


def _begins(sent: str, escaped: str) -> str:
    """Return the condition. It compares bytes: a text may be invalid, and an encoding may lack characters."""
    start = f"pg_catalog.btrim({sent}, '\\x20')"
    codes = [character.encode().hex() for character in escaped]
    conditions = []
    for size in sorted({len(code) // 2 for code in codes}):
        same = ", ".join(rf"'\x{code}'" for code in codes if len(code) == 2 * size)
        first = f"pg_catalog.substr({start}, 1, {size})"
        conditions.append(f"{first} OPERATOR(pg_catalog.=) ANY (ARRAY[{same}]::pg_catalog.bytea[])")
    return f"({' OR '.join(conditions)})"


def _json(name: str, column: Column, projection: Projection) -> str:
    by_value = projection is Projection.TEXT and column.cast_by_value
    if column.kind not in (Kind.ARRAY, Kind.DOCUMENT) or by_value:
        return name
    if projection is Projection.TYPED:
        if column.arrow_type == pa.string():
            return name
        if column.element is not None and column.element.kind is Kind.JSON:
            # As text, so that the elements stay what they are: documents, not parts of the array's document.
            return f"pg_catalog.to_json({name}::pg_catalog.text[])"
        if column.element is not None and column.element.kind is Kind.DOCUMENT:
            return _texts(name)
    # Never to_jsonb: it rewrites numbers.
    return f"pg_catalog.to_json({name})"


def _texts(name: str) -> str:
    """Return JSON of the texts of an array's elements; for several dimensions, something that `lists` refuses.

    A cast to text[] would use the type's cast to text, which may differ from its output function.
    """
    element = "CASE WHEN e IS DISTINCT FROM NULL THEN pg_catalog.format('%s', e) END"
    texts = f"ARRAY(SELECT {element} FROM (SELECT pg_catalog.unnest({name})) s(e))"  # noqa: S608 - a column's name
    nested = f"WHEN pg_catalog.array_ndims({name}) OPERATOR(pg_catalog.>) 1 THEN '[['"
    return f"CASE WHEN {name} IS NULL THEN NULL {nested} ELSE pg_catalog.to_json({texts})::pg_catalog.text END"
