"""Everyone who exports lineitem: ours, and what people use now."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.lineitem import TABLE
from benchmarks.measure import Run
from benchmarks.programs import psql
from benchmarks.service import Service, running


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
    """One way to export all of lineitem, run by a program of its own."""

    name: str
    delivers: str
    command: Callable[[str, Path], Sequence[str]]
    """Makes the command from the address of the server that it asks and an empty folder to write to."""
    told: Callable[[Run], Told]
    serve: Callable[[str], AbstractContextManager[Service]] | None = None
    """Runs the server that it asks, given the database's URL; without one it asks the database itself."""
    path: str = ""
    """What it asks of that server."""
    needs: str | None = None
    """The module without which it is left out."""


def _ours(name: str, extension: str, target: str = "/dev/null") -> Contender:
    path = f"/datasets/lineitem.{extension}"
    answer = '{"bytes": %{size_download}, "first_byte": %{time_starttransfer}}'

    def command(url: str, folder: Path) -> list[str]:
        return ["curl", "-q", "-sS", "--fail", "--noproxy", "*", "-o", str(folder / target), "-w", answer, url + path]

    @contextmanager
    def serve(database_url: str) -> Iterator[Service]:
        with running(database_url) as service:
            # A service runs for days: what it does once is not part of an export's seconds.
            with service.asked(f"/datasets/one.{extension}") as response:
                response.read()
            yield service

    return Contender(name, extension, command, _json, serve, path)


def _psql(name: str, delivers: str, statement: str) -> Contender:
    """Run a statement by psql, which writes the rows itself only for its own copy command."""
    told = _copied if statement.startswith(r"\copy") else _copied_by_server
    return Contender(name, delivers, lambda url, _: [*psql(url), "-c", statement], told)


def _script(name: str, delivers: str, module: str, needs: str | None = None) -> Contender:
    def command(url: str, folder: Path) -> list[str]:
        return [sys.executable, "-m", f"benchmarks.peers.{module}", url, TABLE, str(folder / "rows")]

    return Contender(name, delivers, command, _json, needs=needs)


def _json(run: Run) -> Told:
    return Told(**json.loads(run.output))


def _copied(run: Run) -> Told:
    """Read psql's answer, `COPY 6001215`."""
    return Told(rows=int(run.output.split()[-1]), bytes=run.written)


def _copied_by_server(run: Run) -> Told:
    return replace(_copied(run), bytes=None)


CSV, NDJSON, PARQUET, ARROW = "ours, CSV", "ours, NDJSON", "ours, Parquet zstd", "ours, Arrow stream"
PSQL = r"psql \copy csv"
ROW_TO_JSON = r"psql \copy row_to_json"
ADBC = "ADBC + pyarrow, Parquet zstd"
BARE_COPY = "bare COPY csv (asyncpg)"
SERVER_ONLY = "server only, COPY csv"

CONTENDERS = (
    _ours(CSV, "csv"),
    _psql(PSQL, "csv", rf"\copy {TABLE} TO '/dev/null' (FORMAT csv, HEADER)"),
    _ours(NDJSON, "ndjson"),
    _psql(ROW_TO_JSON, "ndjson", rf"\copy (SELECT row_to_json(l) FROM {TABLE} l) TO '/dev/null'"),
    _ours(PARQUET, "parquet", target="rows"),  # into a file, as its peer
    _script(ADBC, "parquet", "adbc", needs="adbc_driver_postgresql"),
    _ours(ARROW, "arrows"),
    _script(BARE_COPY, "csv", "bare_copy"),
    _psql(SERVER_ONLY, "csv", f"COPY {TABLE} TO '/dev/null' (FORMAT csv, HEADER)"),
)
