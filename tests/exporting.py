"""Runs an export in process, from a query to the bytes of the document."""

import subprocess
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID

import pyarrow as pa

from exporter.exports.bounds import Exceeded
from exporter.exports.database import Database
from exporter.exports.engine import Engine
from exporter.exports.observers import Observer
from exporter.exports.order import Order
from exporter.problems import Problem
from formats import registry
from queries.dataset import Dataset
from queries.errors import QueryError
from queries.pool import Pool
from queries.session import Session
from queries.source import Reading
from queries.types import Column, Kind
from queries.unrepresentable import Unrepresentable

FORMATS = registry.load()

ID = UUID("00000000-0000-7000-8000-000000000000")

SESSION = (
    "-c DateStyle=ISO -c TimeZone=UTC -c IntervalStyle=iso_8601 -c bytea_output=hex -c extra_float_digits=1 "
    "-c client_encoding=UTF8 -c standard_conforming_strings=on"
)
"""The session settings of an export, as PGOPTIONS tells them to psql."""


def database(dsn: str, size: int = 2, statement_timeout: float = 60) -> Database:
    pool = Pool(dsn, size=size, acquire_timeout=5, session=Session(statement_timeout, 10))
    return Database(pool, parallel=size, parallel_connections=size)


@asynccontextmanager
async def opened(dsn: str, size: int = 2) -> AsyncIterator[Database]:
    """A database whose connections are all back when the block ends well."""
    exporting = database(dsn, size)
    yield exporting
    assert exporting.pool.spare == size
    await exporting.pool.close()


def order(sql: str, extension: str, source: str = "copy", **how: Any) -> Order:
    """An order of a query's rows; what is not an option of the format (a limit, arguments) is a field of the order."""
    format_ = FORMATS[extension]
    declared = {
        name: how.pop(name)
        for name in ("parameters", "columns", "on_unrepresentable", "table", "split_by")
        if name in how
    }
    chosen = {
        name: how.pop(name)
        for name in ("limit", "arguments", "coding", "chosen", "ordered", "acting", "bounds", "dated")
        if name in how
    }
    parameters = declared.pop("parameters", ())
    declared["parameters"] = {one.name: one.model_dump(exclude={"name"}, exclude_unset=True) for one in parameters}
    if "table" in declared:
        sql = ""
    dataset = Dataset("tested", sql=sql, title="Tested", source=source, **declared)
    return Order(
        id=ID,
        dataset=dataset,
        arguments=chosen.pop("arguments", {}),
        columns=chosen.pop("chosen", None),
        compression=chosen.pop("coding", None),
        format=format_,
        options=format_.options(**how),
        **chosen,
    )


def texts(count: int) -> Reading:
    """What is read of so many columns of text."""
    return Reading([Column(f"c{number}", "text", Kind.TEXT, pa.string()) for number in range(count)])


async def export(
    ordered: Order, database: Database, threads: Executor, observers: Sequence[Observer] = (), **how: Any
) -> AsyncGenerator[bytes]:
    """Yield the document of an order; raises what failed, not what a caller is told of it."""
    try:
        async with Engine(database, threads, observers).run(ordered, **how) as run, aclosing(run.chunks()) as chunks:
            async for chunk in chunks:
                yield chunk
    except Problem as problem:
        cause = problem.__cause__
        raise cause if isinstance(cause, QueryError | Unrepresentable | Exceeded) else problem from None


async def document(database: Database, ordered: Order, observers: Sequence[Observer] = (), **how: Any) -> bytes:
    """Return the whole document of an order. Raises as `export`."""
    with ThreadPoolExecutor(2) as threads:
        return b"".join([chunk async for chunk in export(ordered, database, threads, observers, **how)])


def psql_output(psql: str, dsn: str, command: str) -> bytes:
    """Return what psql prints for a command under the session settings of an export."""
    arguments = [psql, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", dsn, "--command", command]
    return subprocess.run(arguments, check=True, capture_output=True, env={"PGOPTIONS": SESSION}).stdout


def of_table(name: str, extension: str = "csv", **how: Any) -> Order:
    """An order of a whole table of the schema `parts`, or a view, which may be read in parts."""
    return order(f"SELECT * FROM parts.{name}", extension, table=f'"parts"."{name}"', **how)


async def single(dsn: str, ordered: Order) -> bytes:
    """Return the document of an order that one connection reads."""
    opened = database(dsn, size=1)
    try:
        return await document(opened, ordered)
    finally:
        await opened.pool.close()
