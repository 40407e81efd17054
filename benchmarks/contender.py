"""One way to export a table, and what it says of itself."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measure import Run
from benchmarks.programs import curl, psql
from benchmarks.service import Service, by_hand, running


@dataclass(frozen=True, slots=True)
class Told:
    """What a client says of itself; `None` where it says nothing."""

    rows: int | None = None
    bytes: int | None = None
    first_byte: float | None = None
    """Seconds from its request to the first byte of the answer."""
    seconds: float | None = None
    """Seconds without those that starting the program took."""
    cpu: float | None = None


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to export all of a table, run by a program of its own."""

    name: str
    delivers: str
    table: str
    command: Callable[[str, Path, int], Sequence[str]]
    """Makes the command from the address of the server that it asks, a file to write and the rows that are wanted."""
    told: Callable[[Run], Told]
    serve: Callable[[str], AbstractContextManager[Service]] | None = None
    """Runs the server that it asks, given the database's URL; without one it asks the database itself."""
    ours: bool = False
    path: str = ""
    """What it asks of that server, `{rows}` for the rows that are wanted."""
    part: int | None = None
    """How many rows are wanted at scale factor 1 of who is too slow for all: rates are compared."""
    needs: Sequence[str] = ()
    """The modules without which it is left out."""
    loses: str | None = None
    """What its document does not hold as the table does."""


def ours(name: str, table: str, extension: str, *, target: str = "/dev/null", **settings: object) -> Contender:
    """Ask a service of this project, with the settings given, for a dataset of the whole table."""

    @contextmanager
    def serve(database_url: str) -> Iterator[Service]:
        with running(database_url, **settings) as service:
            # A service runs for days: what it does once is not part of an export's seconds.
            with service.asked(f"/datasets/one.{extension}") as response:
                response.read()
            yield service

    path = f"/datasets/{table.removeprefix('public.')}.{extension}"
    return Contender(name, extension, table, _asking(path, target), _downloaded, serve, ours=True, path=path)


def hand_written(name: str, table: str, extension: str, part: int, loses: str | None = None) -> Contender:
    """Ask the service that people write by hand."""
    path = f"/tables/{table}.{extension}?rows={{rows}}"
    ask = _asking(path, "/dev/null")
    return Contender(
        name, extension, table, ask, _downloaded, by_hand, path=path, part=part, needs=_NEEDS["by_hand"], loses=loses
    )


def by_psql(name: str, table: str, delivers: str, statement: str) -> Contender:
    """Run a statement by psql, which writes the rows itself only for its own copy command."""
    told = _copied if statement.startswith(r"\copy") else _copied_by_server
    return Contender(name, delivers, table, lambda url, _file, _rows: [*psql(url), "-c", statement], told)


def script(
    name: str,
    table: str,
    delivers: str,
    module: str,
    *arguments: str,
    loses: str | None = None,
) -> Contender:
    """Run a program of `benchmarks.peers`."""

    def command(url: str, file: Path, _rows: int) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.peers.{module}", url, table, str(file), *arguments]

    return Contender(name, delivers, table, command, _json, needs=_NEEDS.get(module, ()), loses=loses)


def _asking(path: str, target: str) -> Callable[[str, Path, int], list[str]]:
    """Ask with curl; `target` is joined to the folder of the file that may be written."""
    return lambda url, file, rows: curl(url + path.format(rows=rows), file.parent / target)


def _json(run: Run) -> Told:
    return Told(**json.loads(run.output))


def _downloaded(run: Run) -> Told:
    """Leave curl's own start in its seconds, as psql's is."""
    return replace(_json(run), seconds=None)


def _copied(run: Run) -> Told:
    """Read psql's answer, `COPY 6001215`."""
    return Told(rows=int(run.output.split()[-1]), bytes=run.written)


def _copied_by_server(run: Run) -> Told:
    return replace(_copied(run), bytes=None)


_NEEDS = {
    "adbc": ("adbc_driver_postgresql",),
    "by_hand": ("fastapi", "uvicorn"),
    "connectorx_stream": ("connectorx",),
    "duckdb_copy": ("duckdb", "duckdb_extension_postgres_scanner"),
    "polars_frame": ("polars", "connectorx"),
}
"""The modules that a program of `benchmarks.peers` imports and that may not be installed."""
