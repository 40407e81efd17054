"""The SELECT around a dataset's query that makes every column's text what its layout reads."""

from collections.abc import Sequence

import pyarrow as pa

from queries.types import Column, Kind


def project(  # noqa: PLR0913 - what is optional is by keyword
    sql: str,
    columns: Sequence[Column],
    layout: str,
    *,
    chosen: Sequence[int] | None = None,
    limit: int | None = None,
    as_text: bool = False,
    comment: str = "",
) -> str:
    """Return a SELECT of the query's columns, or of those `chosen` by position, in that order.

    `columns` are all columns of the query `sql`, which must be one statement without a final semicolon. Its rows keep
    their order. With `as_text` every output column is text, NULL staying NULL: what COPY would have printed. A
    `comment` comes first, since `pg_stat_activity` cuts long statements.
    """
    positions = range(len(columns)) if chosen is None else chosen
    outputs = ", ".join(
        f"{_output(f'c{position}', columns[position], layout, as_text)} AS {quoted(columns[position].name)}"
        for position in positions
    )
    # A query's last line may end in a comment: the bracket that closes it must not.
    aliases = f"({', '.join(f'c{position}' for position in range(len(columns)))})" if columns else ""
    bound = f"\nLIMIT {limit:d}" if limit is not None else ""
    return f"{comment}SELECT {outputs}\nFROM (\n{sql}\n) r{aliases}{bound}"


def _output(name: str, column: Column, layout: str, as_text: bool) -> str:
    expression = name if layout == "csv" else _json(name, column, layout)
    if not as_text:
        return expression
    # IS NOT NULL is false for a composite with a NULL inside, and `::text` is not what bool, char(n) and inet print.
    return f"CASE WHEN {name} IS DISTINCT FROM NULL THEN pg_catalog.format('%s', {expression}) END"


def _json(name: str, column: Column, layout: str) -> str:
    if column.kind not in (Kind.ARRAY, Kind.DOCUMENT):
        return name
    if layout == "typed":
        if column.arrow_type == pa.string():
            return name
        if column.element is not None and column.element.kind is Kind.JSON:
            # As text, so that the elements stay what they are: documents, not parts of the array's document.
            return f"pg_catalog.to_json({name}::pg_catalog.text[])"
    # Never to_jsonb: it rewrites numbers.
    return f"pg_catalog.to_json({name})"


def quoted(name: str) -> str:
    """Return a name as SQL writes it whatever its characters."""
    return '"' + name.replace('"', '""') + '"'
