"""The exporter as a library: in another program, without a server."""

import asyncio
import datetime as dt
import hashlib
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pyarrow as pa
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter import Dataset, Exporter, Limits, NotWritten, Principal, Problem, ProblemType, Written
from queries.catalog import CatalogError
from queries.errors import QueryError

pytestmark = pytest.mark.anyio

TYPED = Dataset(
    "typed",
    sql="SELECT :day AS day, :moment AS moment, :exact AS exact, :id AS id, :numbers AS numbers, :note AS note",
    parameters={
        "day": {"type": "date"},
        "moment": {"type": "timestamptz"},
        "exact": {"type": "numeric"},
        "id": {"type": "uuid"},
        "numbers": {"type": "integer[]"},
        "note": {"type": "text", "nullable": True},
    },
    columns={"exact": {"type": "decimal(10,2)"}},
)
NUMBERS = Dataset("numbers", sql="SELECT i, i * 2 AS twice FROM generate_series(1, 1000) i")
MINE = Dataset("mine", sql="SELECT current_setting('request.jwt.claims', true)::json ->> 'tenant' AS tenant")
ENDLESS = Dataset("endless", sql="SELECT generate_series(1, 1000000000) AS i")
DATASETS = [TYPED, NUMBERS, MINE, ENDLESS]


@pytest.fixture
async def exporter(database_url: str) -> AsyncIterator[Exporter]:
    async with Exporter(database_url, DATASETS, pool_size=3) as entered:
        yield entered


async def test_arguments_are_python_s_own_values(exporter: Exporter) -> None:
    day, moment = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12, 30, tzinfo=dt.UTC)
    given: dict[str, Any] = {"day": day, "moment": moment, "exact": Decimal("1.50"), "id": UUID(int=7), "note": None}
    table = await exporter.table("typed", numbers=[1, 2], **given)
    (row,) = table.to_pylist()
    assert row == given | {"numbers": [1, 2]}
    texts: dict[str, Any] = {
        "day": "2024-02-29",
        "moment": "2024-02-29T12:30Z",
        "exact": "1.50",
        "id": str(UUID(int=7)),
    }
    assert (await exporter.table("typed", numbers=["1", "2"], **texts)).equals(table)


async def test_a_run_gives_chunks_or_batches(exporter: Exporter) -> None:
    async with exporter.run("numbers", "csv", columns=["twice"], limit=2, options={"header": False}) as run:
        assert [column.name for column in run.columns] == ["twice"]
        assert run.snapshot is not None
        assert run.snapshot.id
        assert b"".join([chunk async for chunk in run.chunks()]) == b"2\n4\n"
    async with exporter.run("numbers", limit=3) as run:
        table = pa.Table.from_batches([batch async for batch in run.batches()], run.schema)
    assert table.to_pydict() == {"i": [1, 2, 3], "twice": [2, 4, 6]}


async def test_whatever_is_wrong_is_told_at_once(exporter: Exporter) -> None:
    with pytest.raises(Problem) as raised:
        exporter.run("typed", "csv", day=object(), exact="x", other=1, numbers=[], options={"delimiter": "ab", "no": 1})
    assert raised.value.type is ProblemType.INVALID_PARAMETERS
    wrong = {(fault.parameter, fault.is_option) for fault in raised.value.faults}
    assert {("day", False), ("exact", False), ("other", False), ("delimiter", True), ("no", True)} <= wrong
    for name, format_, kind in (("none", "csv", "UNKNOWN_DATASET"), ("numbers", "xls", "UNKNOWN_FORMAT")):
        with pytest.raises(Problem) as raised:
            exporter.run(name, format_)
        assert raised.value.type is ProblemType[kind]
        assert "numbers" in raised.value.detail or "csv" in raised.value.detail


async def test_a_caller_reads_what_they_may_and_as_themselves(exporter: Exporter) -> None:
    ann = Principal("ann", ("mine",), claims={"tenant": "north"})
    assert (await exporter.table("mine", caller=ann)).to_pylist() == [{"tenant": "north"}]
    with pytest.raises(Problem) as raised:
        exporter.run("numbers", "csv", caller=ann)
    assert raised.value.type is ProblemType.UNKNOWN_DATASET
    assert "numbers" not in raised.value.detail


async def test_a_table_is_bounded(exporter: Exporter) -> None:
    with pytest.raises(Problem, match="max_bytes"):
        await exporter.table("endless", max_bytes=100_000)
    assert (await exporter.table("numbers")).num_rows == 1000


async def test_limits_hold(database_url: str) -> None:
    async with Exporter(database_url, [NUMBERS], limits=Limits(max_rows=999)) as exporter:
        with pytest.raises(Problem) as raised:
            await exporter.table("numbers")
    assert raised.value.type is ProblemType.EXPORT_TOO_LARGE


async def test_two_of_them_in_one_process_are_apart(database_url: str) -> None:
    other = Dataset("numbers", sql="SELECT 7 AS i")
    async with Exporter(database_url, [NUMBERS]) as one, Exporter(database_url, [other]) as two:
        tables = await asyncio.gather(one.table("numbers"), two.table("numbers"))
    assert [table.num_rows for table in tables] == [1000, 1]


async def test_metrics_are_in_the_host_s_registry(database_url: str) -> None:
    registry = CollectorRegistry()
    async with Exporter(database_url, [NUMBERS], registry=registry) as exporter, exporter.run("numbers", "csv") as run:
        assert [chunk async for chunk in run.chunks()]
    told = generate_latest(registry).decode()
    assert 'exporter_exports_total{dataset="numbers",format="csv",outcome="succeeded"} 1.0' in told


async def test_it_is_used_while_it_is_entered_and_on_its_own_loop(database_url: str) -> None:
    exporter = Exporter(database_url, [NUMBERS])
    with pytest.raises(RuntimeError, match=r"lifespan=exporter\.lifespan"):
        exporter.run("numbers", "csv")
    async with exporter:
        with pytest.raises(RuntimeError, match="already entered"):
            await exporter.__aenter__()
        elsewhere = await asyncio.to_thread(lambda: asyncio.run(_refusal(exporter)))
        assert "another event loop" in elsewhere
    with pytest.raises(RuntimeError, match="not entered"):
        exporter.run("numbers", "csv")
    async with exporter:  # again
        assert (await exporter.table("numbers")).num_rows == 1000


async def _refusal(exporter: Exporter) -> str:
    try:
        await exporter.table("numbers")
    except RuntimeError as error:
        return str(error)
    return ""


def test_wrong_datasets_are_refused_before_anything_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="two datasets are named numbers"):
        Exporter("postgresql:///x", [NUMBERS, NUMBERS])
    with pytest.raises(CatalogError, match="hide"):
        Exporter("postgresql:///x", [Dataset("a.csv", sql="SELECT 1")])
    with pytest.raises(CatalogError, match="no such directory"):
        Exporter("postgresql:///x", tmp_path / "none")


async def test_leaving_it_leaves_nothing_behind(
    database_url: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    threads, handlers = set(threading.enumerate()), signal.getsignal(signal.SIGTERM)
    environment, logging_ = dict(os.environ), list(logging.getLogger().handlers)
    async with Exporter(database_url, [ENDLESS], pool_size=2) as exporter, exporter.run("endless", "csv") as run:
        await anext(run.chunks())
    running = "application_name LIKE 'exporter %' AND datname = current_database()"
    assert await connection.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {running}") == 0
    assert (signal.getsignal(signal.SIGTERM), dict(os.environ)) == (handlers, environment)
    assert logging.getLogger().handlers == logging_
    for thread in set(threading.enumerate()) - threads:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_importing_it_changes_nothing_of_the_process() -> None:
    code = (
        "import os, signal, logging, gc\n"
        "def state(): return {**os.environ}, signal.getsignal(2), [*logging.root.handlers], gc.get_freeze_count()\n"
        "before = state()\n"
        "from exporter import Exporter, Dataset\n"
        "Exporter('postgresql:///x', [Dataset('a', sql='SELECT 1')])\n"
        "assert before == state(), (before, state())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_a_file_is_written_as_a_whole_or_not_at_all(exporter: Exporter, tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    written = await exporter.write(path, "numbers", limit=2)
    content = path.read_bytes()
    assert content == b"i,twice\n1,2\n2,4\n"
    assert written == Written(2, len(content), hashlib.sha256(content).hexdigest())
    with pytest.raises(NotWritten, match="exists"):
        await exporter.write(path, "numbers")
    assert (await exporter.write(path, "numbers", overwrite=True)).rows == 1000
    with pytest.raises(Problem) as raised:
        await exporter.write(tmp_path / "numbers.xls", "numbers")
    assert raised.value.type is ProblemType.UNKNOWN_FORMAT
    failing = asyncio.create_task(exporter.write(tmp_path / "endless.csv", "endless"))
    while not [one for one in tmp_path.iterdir() if one.stat().st_size > 1 << 20]:  # noqa: ASYNC110 - a file tells nobody
        await asyncio.sleep(0.01)
    failing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await failing
    assert [one.name for one in tmp_path.iterdir()] == ["numbers.csv"]


@pytest.mark.parametrize("lent", [lambda pool: pool, lambda pool: lambda: pool], ids=["a pool", "a function"])
async def test_the_host_s_own_pool_is_used_and_left_open(database_url: str, lent: Any) -> None:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=3) as pool:
        async with Exporter(lent(pool), DATASETS) as exporter:
            assert (await exporter.table("numbers")).num_rows == 1000
            async with exporter.run("endless", "csv") as run:
                await anext(run.chunks())
        assert await pool.fetchval("SELECT 1") == 1
        assert pool.get_idle_size() == pool.get_size()


async def test_a_pool_that_cannot_be_used_is_told_when_the_exporter_is_entered(database_url: str) -> None:
    pool = asyncpg.create_pool(database_url, min_size=1, max_size=2)
    with pytest.raises(QueryError, match="not open yet"):
        await Exporter(pool, DATASETS).__aenter__()
    async with pool:
        with pytest.raises(ValueError, match="make the pool larger"):
            await Exporter(pool, DATASETS, pool_size=3).__aenter__()
        elsewhere = await asyncio.to_thread(lambda: asyncio.run(_entering(Exporter(pool, DATASETS))))
        assert "another event loop" in elsewhere
        with pytest.raises(QueryError, match="another event loop"):
            Exporter(pool, DATASETS).blocking.__enter__()
    with pytest.raises(QueryError, match="closed"):
        await Exporter(pool, DATASETS).__aenter__()
    with pytest.raises(TypeError, match=r"asyncpg\.Pool"):
        await Exporter(lambda: None, DATASETS).__aenter__()  # type: ignore[arg-type, return-value]


async def _entering(exporter: Exporter) -> str:
    try:
        await exporter.__aenter__()
    except QueryError as error:
        return str(error)
    return ""


def test_a_program_without_an_event_loop(database_url: str) -> None:
    with Exporter(database_url, DATASETS).blocking as exports:
        assert exports.table("numbers", limit=5).num_rows == 5
        with exports.run("numbers", "csv", limit=1) as export:
            assert [column.name for column in export.run.columns] == ["i", "twice"]
            assert b"".join(export.chunks()) == b"i,twice\n1,2\n"
        with exports.run("endless", "csv") as export:
            assert next(export.chunks())
        with pytest.raises(Problem):
            exports.table("none")
        with pytest.raises(KeyError), exports.run("endless") as export:
            for _ in export.batches():
                raise KeyError


async def test_a_blocking_one_within_a_running_loop(database_url: str) -> None:
    with Exporter(database_url, [NUMBERS]).blocking as exports:
        assert exports.table("numbers").num_rows == 1000
