"""The text of a new dataset's file."""

import json
from collections.abc import Iterator

from queries.table import Table


def text_of(table: Table) -> str:
    """Return a dataset that exports all columns of a table, with the comments that the database has on them."""
    return "\n".join(_lines(table)) + "\n"


def _lines(table: Table) -> Iterator[str]:
    yield "/*"
    yield f"title = {_toml(table.name)}"
    if table.comment:
        yield f"description = {_toml(table.comment)}"
    if table.key:
        yield "# Several connections may each read a range of this key."
        yield f"split_by = {_toml(table.key)}"
    yield "*/"
    yield "SELECT"
    for number, column in enumerate(table.columns, 1):
        comma = "," if number < len(table.columns) else ""
        comment = " ".join(column.comment.split())
        yield f"    {column.quoted}{comma}" + (f"  -- {comment}" if comment else "")
    yield f"FROM {table.quoted}"


def _toml(text: str) -> str:
    """Return a text as a string of TOML, in which nothing ends the comment around it or begins another."""
    # JSON's strings are TOML's, but for a character that TOML wants escaped (TOML 1.0, "String").
    written = json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
    return written.replace("*/", "*\\u002f").replace("/*", "/\\u002a")
