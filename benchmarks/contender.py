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

FILE = "rows"
"""The name of the document that some write."""

_Serve = Callable[[str], AbstractContextManager[Service]]


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
    """Makes the command from the address of the server that it asks, a folder to write to and the rows wanted."""
    told: Callable[[Run], Told]
    serve: _Serve | None = None
    """Runs the server that it asks, given the database's URL; without one it asks the database itself."""
    ours: bool = False
    path: str = ""
    """What it asks of that server, `{rows}` for the rows that are wanted."""
    part: int | None = None
    """Rows at scale factor 1 for a contender that is too slow for all; only rates are compared."""
    once: bool = False
    """Whether it runs in the first round only, as it is slow and no goal hangs on its median."""
    needs: Sequence[str] = ()
    """The modules without which it is left out."""
    loses: str | None = None
    """What its document does not hold as the table does."""


def ours(name: str, table: str, extension: str, **settings: int) -> Contender:
    """Ask a service of this project, with the settings given, for a dataset of the whole table."""
    path = f"/datasets/{table.removeprefix('public.')}.{extension}"
    serve = _warm(lambda url: running(url, **settings), f"/datasets/one.{extension}")
    return Contender(name, extension, table, _asking(path, extension), _downloaded, serve, ours=True, path=path)


def hand_written(name: str, table: str, extension: str, part: int, loses: str | None = None) -> Contender:
    """Ask the service that people write by hand."""
    path = f"/tables/{table}.{extension}?rows={{rows}}"
    serve, needs = _warm(by_hand, path.format(rows=1)), _NEEDS["by_hand"]
    return Contender(
        *(name, extension, table, _asking(path, extension), _downloaded, serve),
        path=path,
        part=part,
        needs=needs,
        loses=loses,
    )


def once(contender: Contender) -> Contender:
    """Let a contender run in the first round only."""
    return replace(contender, once=True)


def _warm(serve: _Serve, path: str) -> _Serve:
    """Ask a server once: it runs for days, and what it does once is not part of an export's seconds."""

    @contextmanager
    def warm(database_url: str) -> Iterator[Service]:
        with serve(database_url) as service:
            with service.asked(path) as response:
                response.read()
            yield service

    return warm


def by_psql(name: str, table: str, delivers: str, statement: str) -> Contender:
    """Run a statement by psql, which writes the rows itself only for its own copy command."""
    told = _copied if statement.startswith(r"\copy") else _copied_by_server
    return Contender(name, delivers, table, lambda url, _folder, _rows: [*psql(url), "-c", statement], told)


def script(name: str, table: str, delivers: str, module: str, *arguments: str, loses: str | None = None) -> Contender:
    """Run a program of `benchmarks.peers`."""

    def command(url: str, folder: Path, _rows: int) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.peers.{module}", url, table, _target(folder, delivers), *arguments]

    return Contender(name, delivers, table, command, _reported, needs=_NEEDS.get(module, ()), loses=loses)


def _asking(path: str, extension: str) -> Callable[[str, Path, int], list[str]]:
    return lambda url, folder, rows: curl(url + path.format(rows=rows), _target(folder, extension))


def _target(folder: Path, extension: str) -> str:
    """Have all but Parquet thrown away: writing gigabytes would measure the disk."""
    return str(folder / FILE) if extension == "parquet" else "/dev/null"


def _reported(run: Run) -> Told:
    told = Told(**json.loads(run.output))
    return replace(told, bytes=told.bytes or run.written)


def _downloaded(run: Run) -> Told:
    """Leave curl's own start in its seconds, as psql's is."""
    return replace(Told(**json.loads(run.output)), seconds=None)


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
