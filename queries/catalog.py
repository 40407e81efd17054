"""The catalogue: a folder of SQL files, read and checked as a whole."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, TypeAlias

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from queries.consistency import faults as inconsistencies
from queries.dataset import Dataset, checked_name
from queries.declaration import Declaration
from queries.header import ColumnOverride, Header
from queries.parameters import suggestion
from queries.sql_file import HeaderSyntaxError, SqlFile, key_lines, line_of, locate, parse, split_file

Catalog: TypeAlias = Mapping[str, Dataset]
"""The datasets by name, in the order of their names."""

_ADVICE = "put a file NAME.sql with a SELECT there for each dataset"
_RENAMED: Mapping[tuple[int | str, ...], str] = {("partition_by",): "split_by"}
"""Keys of earlier versions, with their present names."""


class FileFault(NamedTuple):
    """What is wrong with a file, and on which line; 0 means the file as a whole."""

    path: Path
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


class CatalogError(Exception):
    """The catalogue cannot be used; the message has one line for each fault."""

    def __init__(self, faults: Iterable[FileFault]) -> None:
        self.faults = sorted(faults)
        super().__init__("\n".join(map(str, self.faults)))


def load(directory: Path) -> Catalog:
    """Read every `NAME.sql` in a folder, except hidden files and subfolders.

    Raises:
        CatalogError: lists everything that is wrong with any file.
    """
    if not directory.is_dir():
        raise CatalogError([FileFault(directory, 0, f"no such directory: create it and {_ADVICE}")])
    paths = sorted(path for path in directory.glob("*.sql") if not path.name.startswith("."))
    if not paths:
        raise CatalogError([FileFault(directory, 0, f"no datasets: {_ADVICE}")])
    faults = list(_same_names(paths))
    datasets = [dataset for path in paths if (dataset := _read(path, faults))]
    if faults:
        raise CatalogError(faults)
    return {dataset.name: dataset for dataset in sorted(datasets, key=lambda dataset: dataset.name)}


def _same_names(paths: Iterable[Path]) -> Iterable[FileFault]:
    first: dict[str, Path] = {}
    for path in paths:
        other = first.setdefault(path.stem.lower(), path)
        if other is not path:
            yield FileFault(path, 1, f"the name differs from {other.name} only in case: rename one of the files")


def _read(path: Path, faults: list[FileFault]) -> Dataset | None:
    """Read one file; append what is wrong with it to the faults."""

    def wrong(line: int, message: str) -> None:
        faults.append(FileFault(path, line, message))

    known = len(faults)
    try:
        checked_name(path.stem)
    except ValueError as error:
        wrong(1, str(error))
    text = _text(path, wrong)
    if text is None:
        return None
    try:
        parts = split_file(text, Header.model_fields)
    except HeaderSyntaxError as error:
        wrong(error.line, str(error))
        return None
    header = _header(parts, wrong)
    if header is None or len(faults) > known:
        return None
    if header.table is not None:
        return Dataset(path.stem, header=header, path=path)
    return Dataset(path.stem, sql=parts.sql, header=header, path=path, line=parts.sql_line)


Wrong: TypeAlias = Callable[[int, str], None]
"""Records a fault: a line and a message."""


def _text(path: Path, wrong: Wrong) -> str | None:
    try:
        content = path.read_bytes()
    except OSError as error:
        wrong(1, f"cannot be read: {error.strerror}")
        return None
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        wrong(content.count(b"\n", 0, error.start) + 1, "not UTF-8: save the file as UTF-8")
        return None
    if "\0" in text:
        wrong(line_of(text, text.index("\0")), "contains a NUL character: remove it")
        return None
    return text


def _header(parts: SqlFile, wrong: Wrong) -> Header | None:
    try:
        toml = parse(parts.header)
    except HeaderSyntaxError as error:
        wrong(parts.header_line + error.line - 1, f"the header is not TOML: {error}")
        return None
    lines = key_lines(parts.header)

    def wrong_key(path: tuple[str | int, ...], message: str) -> None:
        wrong(parts.header_line + locate(lines, path) - 1, message)

    for fault in inconsistencies(parts.sql, toml):
        if fault.position is None:
            wrong_key(fault.key, fault.message)
        else:
            wrong(parts.sql_line + line_of(parts.sql, fault.position) - 1, fault.message)
    try:
        return Header.model_validate(toml)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            path = tuple(part for part in details["loc"] if part != "[key]")
            wrong_key(path, f"{'.'.join(map(str, path))}: {_message(details)}")
        return None


def _message(details: ErrorDetails) -> str:
    match details["type"]:
        case "extra_forbidden":
            if renamed := _RENAMED.get(details["loc"]):
                return f"unknown key; write {renamed}"
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
    fields = (models.get(path[0], Header) if len(path) > 1 else Header).model_fields
    return [field.alias or name for name, field in fields.items()]
