"""Write the parts of the documentation that are made from code, each between its markers: `make reference`."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from exporter.http.problems import STATUS
from exporter.problems import ProblemType
from exporter.settings.settings import Settings
from queries.header import OwnBounds
from queries.header_schema import schema

DOCS = Path(__file__).parents[1] / "docs"

GROUPS = {
    "access": "keys",
    "database": "database_url",
    "limits": "max_exports",
    "statements": "statement_timeout",
    "server": "threads",
    "logs": "log_level",
}
"""Each group of settings by its first field, in the order of the models: a field belongs to the last one before it."""

_MARKED = re.compile(r"(<!-- made from code: ([a-z-]+); `make reference` -->\n).*?(<!-- end -->\n)", re.DOTALL)


def settings(group: str) -> Iterator[str]:
    """Yield the table of a group's settings, line by line."""
    starts, current = {first: name for name, first in GROUPS.items()}, ""
    yield from _row("variable", "default", "meaning")
    yield from _row("---", "---", "---")
    for name, field in Settings.model_fields.items():
        current = starts.get(name, current)
        if current == group:
            yield from _row(f"`EXPORTER_{name.upper()}`", _default(field), field.description or "")


def keys(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the table of the keys that a part of the header's schema has."""
    yield from _row("key", "type", "default", "meaning")
    yield from _row("---", "---", "---", "---")
    for name, key in schema["properties"].items():
        default = "required" if name in schema.get("required", ()) else _literal(key.get("default"))
        yield from _row(f"`{name}`", _type(key), default, key["description"])


def problems() -> Iterator[str]:
    """Yield the table of the problem types."""
    yield from _row("type", "status", "title", "what to do")
    yield from _row("---", "---", "---", "---")
    for problem in sorted(ProblemType, key=lambda problem: STATUS[problem]):
        yield from _row(f"`{problem.slug}`", str(STATUS[problem]), problem.title, problem.remedy)


def _header() -> Iterator[str]:
    whole = schema()
    names = [*(name for name in whole["properties"] if name not in OwnBounds.model_fields), *OwnBounds.model_fields]
    return keys(whole | {"properties": {name: whole["properties"][name] for name in names}})


SECTIONS: dict[str, Callable[[], Iterable[str]]] = {
    **{f"settings-{group}": partial(settings, group) for group in GROUPS},
    "header": _header,
    "parameters": lambda: keys(schema()["$defs"]["Declaration"]),
    "columns": lambda: keys(schema()["$defs"]["ColumnOverride"]),
    "problems": problems,
}
"""What is between the markers of each name."""


def filled(page: str) -> str:
    """Return a page with its marked sections as the code has them now.

    Raises:
        KeyError: a marker names no section.
    """
    return _MARKED.sub(lambda found: found[1] + "".join(SECTIONS[found[2]]()) + found[3], page)


def _row(*cells: str) -> Iterator[str]:
    yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _default(field: FieldInfo) -> str:
    """Return a setting's default as the environment would have it, or the name of what computes it."""
    if field.is_required():
        return "required"
    if field.default_factory is not None:
        return field.default_factory.__name__.removeprefix("_")
    match field.default:
        case None | "" | ():
            return ""
        case bool(value):
            written = "on" if value else "off"
        case tuple(value):
            written = ",".join(value)
        case float(value):
            written = f"{value:g}"
        case value:
            written = str(value)
    return f"`{written}`"


def _type(key: dict[str, Any]) -> str:
    """Return the type of a key for people."""
    words: str
    match key:
        case {"anyOf": [*kinds]}:
            words = " or ".join(map(_type, kinds))
        case {"enum": [*values]}:
            words = ", ".join(_literal(value) for value in values if not value.endswith("[]"))
            if "integer[]" in values:
                words += ', or an array of these: `"integer[]"`'
        case {"pattern": str(pattern)} if "decimal" in pattern:
            words = '`"decimal(p,s)"`'
        case {"type": "array"}:
            words = f"array of {_type(key['items'])}s"
        case {"type": [*_]}:
            words = "value"
        case _:
            words = {"object": "table"}.get(key["type"], key["type"])
    return words


def _literal(value: object) -> str:
    """Return a value as TOML has it; texts, numbers and booleans look the same in JSON."""
    return "" if value is None else f"`{json.dumps(value)}`"


if __name__ == "__main__":
    for path in sorted(DOCS.glob("*.md")):
        path.write_text(filled(path.read_text()))
