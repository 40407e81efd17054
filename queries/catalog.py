"""The catalogue: a folder of SQL files, read and checked as a whole."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from queries.binding import faults as sql_faults
from queries.dataset import ColumnOverride, Dataset, Header
from queries.declaration import Declaration, Parameter
from queries.header import HeaderSyntaxError, Split, key_lines, line_of, locate, parse, split
from queries.lexer import trimmed
from queries.parameters import suggestion
from queries.partitioning import faults as partition_faults

Catalog: TypeAlias = Mapping[str, Dataset]
"""The datasets by name, in the order of their names."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9][A-Za-z0-9_-]*)*")
_ADVICE = "put a file NAME.sql with a SELECT there for each dataset"


class Fault(NamedTuple):
    """What is wrong with a file, and where; line 0 is the whole of it."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class CatalogError(Exception):
    """The catalogue cannot be used; its text is one line for each fault."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


def load(directory: Path) -> Catalog:
    """Read every `NAME.sql` of a folder, hidden files and subfolders aside.

    Raises:
        CatalogError: with all that is wrong with all files.
    """
    if not directory.is_dir():
        raise CatalogError([Fault(directory, 0, f"no such directory: create it and {_ADVICE}")])
    paths = sorted(path for path in directory.glob("*.sql") if not path.name.startswith("."))
    if not paths:
        raise CatalogError([Fault(directory, 0, f"no datasets: {_ADVICE}")])
    faults = list(_same_names(paths))
    datasets = [dataset for path in paths if (dataset := _read(path, faults))]
    if faults:
        raise CatalogError(faults)
    return {dataset.name: dataset for dataset in sorted(datasets, key=lambda dataset: dataset.name)}


def _same_names(paths: Iterable[Path]) -> Iterable[Fault]:
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem.lower(), path)
        if other is not path:
            yield Fault(path, 1, f"differs from {other.name} only by upper and lower case")


def _read(path: Path, faults: list[Fault]) -> Dataset | None:
    """Read one file; add what is wrong with it to the faults."""

    def wrong(line: int, message: str) -> None:
        faults.append(Fault(path, line, message))

    if not _NAME.fullmatch(path.stem):
        wrong(1, "expected a name of letters, digits, - and _, in parts with a dot between them")
    text = _text(path, wrong)
    if text is None:
        return None
    try:
        parts = split(text, Header.model_fields)
    except HeaderSyntaxError as error:
        wrong(error.line, str(error))
        return None
    header = _header(parts, wrong)
    return _dataset(path, parts, header) if header else None


Wrong: TypeAlias = Callable[[int, str], None]
"""Notes a fault: its line, and a message."""


def _text(path: Path, wrong: Wrong) -> str | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        wrong(1, f"cannot be read: {error.strerror}")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong(content.count(b"\n", 0, error.start) + 1, "not UTF-8")
        return None
    if "\0" in text:
        wrong(line_of(text, text.index("\0")), "holds a NUL character")
        return None
    return text


def _header(parts: Split, wrong: Wrong) -> Header | None:
    try:
        toml = parse(parts.header)
    except HeaderSyntaxError as error:
        wrong(parts.header_line + error.line - 1, f"the header is not TOML: {error}")
        return None
    lines = key_lines(parts.header)

    def wrong_key(path: tuple[str | int, ...], message: str) -> None:
        wrong(parts.header_line + locate(lines, path) - 1, message)

    _check_sql(parts, toml, wrong, wrong_key)
    try:
        return Header.model_validate(toml)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            path = tuple(part for part in details["loc"] if part != "[key]")
            wrong_key(path, f"{'.'.join(map(str, path))}: {_message(details)}")
        return None


def _check_sql(
    parts: Split, toml: dict[str, Any], wrong: Wrong, wrong_key: Callable[[tuple[str | int, ...], str], None]
) -> None:
    declared = toml.get("parameters")
    names = list(declared) if isinstance(declared, dict) else []
    if "table" in toml:
        if trimmed(parts.sql):
            wrong_key(("table",), "the file has both a table and SQL: remove one")
        for name in names:
            wrong_key(("parameters", name), f"parameters.{name}: a table takes no parameters")
        if "partition_by" in toml:
            wrong_key(("partition_by",), "partition_by: a table is divided by its pages: remove it")
    elif not trimmed(parts.sql):
        wrong(parts.sql_line, "no SQL: write a SELECT, or name a table in the header")
    else:
        key = toml.get("partition_by")
        if key is not None and toml.get("source") == "cursor":
            wrong_key(("partition_by",), "partition_by: a cursor reads with one connection: remove one of the two")
        partitioning = partition_faults(parts.sql, key) if isinstance(key, str) else []
        for fault in [*sql_faults(parts.sql, names), *partitioning]:
            if fault.position is None:
                wrong_key(("parameters", fault.name), fault.message)
            else:
                wrong(parts.sql_line + line_of(parts.sql, fault.position) - 1, fault.message)


def _message(details: ErrorDetails) -> str:
    match details["type"]:
        case "extra_forbidden":
            return "unknown key" + suggestion(str(details["loc"][-1]), _keys(details["loc"]))
        case "missing":
            return "missing"
        case "dict_type" | "model_type":
            return "expected a table"
        case "value_error":
            return str(details["ctx"]["error"])
        case _:
            return details["msg"]


def _keys(path: tuple[str | int, ...]) -> Iterable[str]:
    models: dict[str | int, type[BaseModel]] = {"parameters": Declaration, "columns": ColumnOverride}
    return (models.get(path[0], Header) if len(path) > 1 else Header).model_fields


def _dataset(path: Path, parts: Split, header: Header) -> Dataset:
    declared = {name: getattr(header, name) for name in Header.model_fields}
    declared |= {"title": header.title or path.stem, "parameters": _parameters(header)}
    if header.table is None:
        return Dataset(name=path.stem, sql=parts.sql, path=path, line=parts.sql_line, **declared)
    query = f"SELECT * FROM {header.table}"  # noqa: S608 - the header quotes the names
    return Dataset(name=path.stem, sql=query, path=path, **declared)


def _parameters(header: Header) -> tuple[Parameter, ...]:
    return tuple(
        Parameter(name=name, **declared.model_dump(exclude_unset=True)) for name, declared in header.parameters.items()
    )
