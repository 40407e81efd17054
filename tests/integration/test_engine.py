"""The engine without HTTP: what a run tells, who is told of it, and what it leaves behind."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from exporter.exports.bounds import Bounds
from exporter.exports.database import Database
from exporter.exports.engine import Engine
from exporter.exports.file import NotWritten, Written, write
from exporter.exports.observers import Began, Ended, Observation, Origin, Progress
from exporter.exports.order import Order
from exporter.problems import Problem, ProblemType
from formats import registry
from queries.dataset import Dataset
from queries.pool import Pool
from queries.session import Session
from tests.exporting import opened, order

if TYPE_CHECKING:
    import asyncpg

pytestmark = pytest.mark.anyio

ENDLESS = "SELECT repeat('x', 1000) AS text, generate_series(1, 1000000000) AS i"
SHORT = "SELECT i, i::text AS text, i * 1.5 AS half FROM generate_series(1, 1000) i"


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of which every connection is back in the end."""
    async with opened(database_url) as exporting:
        yield exporting


def batches(sql: str, **how: Any) -> Order:
    """An order of record batches."""
    return replace(order(sql, "arrows", **how), format=None)


async def statements(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    """What exports still do in the database."""
    rows = await connection.fetch(
        "SELECT query FROM pg_stat_activity WHERE application_name LIKE 'exporter %' AND state <> 'idle'"
        " AND datname = current_database()"
    )
    return [row[0] for row in rows]


@dataclass
class Watching(Observation):
    """Notes all that it is told."""

    began_with: Began
    seen: list[Any] = field(default_factory=list)

    async def began(self) -> None:
        self.seen.append("began")

    def first_byte(self, seconds: float) -> None:
        self.seen.append("first byte")

    def progressed(self, progress: Progress) -> None:
        self.seen.append(progress)

    def ended(self, ended: Ended) -> None:
        self.seen.append(ended)


class Watcher:
    """An observer that keeps what it has observed."""

    def __init__(self) -> None:
        self.exports: list[Watching] = []

    def __call__(self, began: Began) -> Watching:
        self.exports.append(Watching(began))
        return self.exports[-1]

    @property
    def ended(self) -> Ended:
        (export,) = self.exports
        found: Ended = export.seen[-1]
        return found


async def test_ten_lines_export_a_dataset_to_a_file_and_to_batches(database_url: str, tmp_path: Path) -> None:
    pool = Pool(database_url, size=2, acquire_timeout=5, session=Session(60, 10))
    dataset = Dataset("numbers", sql="SELECT i FROM generate_series(1, 1000) i")
    with ThreadPoolExecutor(2) as threads:
        engine, parquet = Engine(Database(pool), threads), registry.load()["parquet"]
        ordered = Order(dataset=dataset, arguments={}, format=parquet, options=parquet.options())
        async with engine.run(ordered) as run, await anyio.open_file(tmp_path / "numbers.parquet", "wb") as file:
            async for chunk in run.chunks():
                await file.write(chunk)
        async with engine.run(Order(dataset=dataset, arguments={})) as run:
            table = pa.Table.from_batches([batch async for batch in run.batches()], run.schema)
    await pool.close()
    assert pq.read_table(tmp_path / "numbers.parquet").equals(table)
    assert run.progress.rows == table.num_rows == 1000


async def test_a_document_in_a_file_is_counted_and_hashed(
    database: Database, threads: ThreadPoolExecutor, tmp_path: Path
) -> None:
    async with Engine(database, threads).run(order(SHORT, "csv")) as run:
        written = await write(run, tmp_path / "numbers.csv")
    content = await anyio.Path(tmp_path / "numbers.csv").read_bytes()
    assert written == Written(1000, len(content), sha256(content).hexdigest())
    assert run.progress == Progress(1000, len(content))


async def test_what_fails_leaves_neither_a_file_nor_a_statement(
    database: Database,
    threads: ThreadPoolExecutor,
    connection: "asyncpg.Connection[asyncpg.Record]",
    tmp_path: Path,
) -> None:
    engine = Engine(database, threads)
    failing = order("SELECT repeat('x', 1000), 1 / (99999 - i) FROM generate_series(1, 100000) i", "csv")
    with pytest.raises(Problem, match="22012"):
        async with engine.run(failing) as run:
            await write(run, tmp_path / "failed.csv")
    with pytest.raises(NotWritten, match="create the folder first"):
        async with engine.run(order(ENDLESS, "csv")) as run:
            await write(run, tmp_path / "none" / "x.csv")
    assert await statements(connection) == []
    assert [path async for path in anyio.Path(tmp_path).iterdir()] == []


def test_the_engine_loads_no_web_framework_and_no_server() -> None:
    code = (
        "import sys, exporter.exports.engine\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('velithon', 'granian')"
        " or name.startswith(('exporter.http', 'exporter.web', 'exporter.telemetry'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


async def test_what_is_known_before_the_first_byte(database: Database, threads: ThreadPoolExecutor) -> None:
    engine = Engine(database, threads)
    ordered = order(SHORT, "csv", dated=True, bounds=Bounds(max_estimated_rows=10**6))
    async with engine.run(ordered) as run:
        assert [(column.name, column.postgres_type) for column in run.columns] == [
            ("i", "integer"), ("text", "text"), ("half", "numeric"),
        ]  # fmt: skip
        assert run.snapshot is not None
        assert run.snapshot.time.tzinfo is not None
        assert (run.snapshot.id or "").count(":") == 2
        assert run.estimate == 1000
        assert run.progress == Progress(0, 0)
        size = sum([len(chunk) async for chunk in run.chunks()])
        assert run.progress == Progress(1000, size)
    async with engine.run(batches(SHORT)) as run:
        assert run.schema.names == ["i", "text", "half"]
        assert run.schema.types[:2] == [pa.int32(), pa.string()]
        assert run.estimate is None
        assert [batch.schema async for batch in run.batches()] == [run.schema]


async def test_the_snapshot_is_what_the_rows_are_of(
    database: Database, threads: ThreadPoolExecutor, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await connection.execute("CREATE TABLE public.seen AS SELECT 1 AS i")
    try:
        async with Engine(database, threads).run(order("TABLE public.seen", "csv", dated=True)) as run:
            assert run.snapshot is not None
            await connection.execute("INSERT INTO public.seen VALUES (2)")
            assert b"".join([chunk async for chunk in run.chunks()]) == b"i\n1\n"
            sees = "SELECT pg_visible_in_snapshot(xmin::text::xid8, $1::text::pg_snapshot) FROM public.seen ORDER BY i"
            assert [row[0] for row in await connection.fetch(sees, run.snapshot.id)] == [True, False]
    finally:
        await connection.execute("DROP TABLE public.seen")


@pytest.mark.parametrize("source", ["copy", "cursor"])
@pytest.mark.parametrize("extension", ["csv", "ndjson", "parquet", None])
async def test_whoever_leaves_early_leaves_nothing_behind(
    database: Database,
    threads: ThreadPoolExecutor,
    connection: "asyncpg.Connection[asyncpg.Record]",
    extension: str | None,
    source: str,
) -> None:
    watcher = Watcher()
    ordered = order(ENDLESS, extension, source) if extension else batches(ENDLESS, source=source)
    async with Engine(database, threads, [watcher]).run(ordered) as run:
        items: Any = run.chunks() if extension else run.batches()
        await anext(items)
        assert len(await statements(connection)) == 1
    assert await statements(connection) == []
    assert database.pool.spare == 2
    assert watcher.ended.outcome.name == "disconnected"
    with pytest.raises(RuntimeError, match="left before its end"):  # and not an end that looks like that of all rows
        await anext(items)


@pytest.mark.parametrize("at", ["entering", "reading", "between"])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_cancelled_task_leaves_nothing_behind(
    database: Database,
    threads: ThreadPoolExecutor,
    connection: "asyncpg.Connection[asyncpg.Record]",
    at: str,
    times: int,
) -> None:
    """Also one that is cancelled again while it cleans up."""
    watcher, there = Watcher(), asyncio.Event()
    sql = "SELECT pg_sleep(600)" if at == "reading" else ENDLESS
    ordered = order(sql, "csv")

    async def export() -> None:
        if at == "entering":
            there.set()
        async with Engine(database, threads, [watcher]).run(ordered) as run:
            if at == "reading":
                there.set()
            async for _ in run.chunks():
                there.set()
                await asyncio.sleep(600)

    task = asyncio.create_task(export())
    await there.wait()
    for _ in range(times):
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with anyio.fail_after(30):
        while database.pool.spare < 2 or await statements(connection):  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.01)
    assert not watcher.exports or watcher.ended.outcome.name == "disconnected"


async def test_what_fails_at_its_reader_is_not_hidden(database: Database, threads: ThreadPoolExecutor) -> None:
    watcher = Watcher()
    failure = OSError("no space")
    with pytest.raises(OSError, match="no space"):
        async with Engine(database, threads, [watcher]).run(order(ENDLESS, "csv")) as run:
            async for _ in run.chunks():
                raise failure
    assert (watcher.ended.outcome.name, watcher.ended.outcome.kind) == ("failed", "unexpected")
    assert "no space" not in watcher.ended.outcome.traceback, "the text may quote a value"


async def test_failures_are_problems_with_the_export_and_the_cause(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    engine, watcher = Engine(database, threads), Watcher()
    wrong = order(SHORT, "csv", chosen=("nothing",))
    with pytest.raises(Problem) as raised:
        await engine.run(wrong).__aenter__()
    (fault,) = raised.value.faults
    assert (raised.value.type, fault.parameter, fault.is_option) == (ProblemType.INVALID_PARAMETERS, "columns", True)
    assert raised.value.export_id == wrong.id
    with pytest.raises(Problem) as raised:
        async with Engine(database, threads, [watcher]).run(
            order("SELECT 1 / (3 - i) FROM generate_series(1, 9) i", "csv")
        ) as run:
            async for _ in run.chunks():
                pass
    assert raised.value.type is ProblemType.QUERY_REJECTED
    assert "22012" in raised.value.detail
    assert (watcher.ended.outcome.name, watcher.ended.outcome.sqlstate) == ("failed", "22012")
    assert type(raised.value.__cause__).__name__ == "QueryRejected"


async def test_observers_are_told_in_order_with_the_origin(database: Database, threads: ThreadPoolExecutor) -> None:
    watcher, origin = Watcher(), Origin("ann", "192.0.2.1", None, {"method": "GET"})
    async with Engine(database, threads, [watcher]).run(order(SHORT, "ndjson"), origin) as run:
        size = sum([len(chunk) async for chunk in run.chunks()])
    (export,) = watcher.exports
    began, first, *progress, ended = export.seen
    assert (began, first) == ("began", "first byte")
    assert export.began_with == Began(run.order, origin)
    assert progress[-1] == Progress(1000, size)
    assert [one.bytes for one in progress] == sorted(one.bytes for one in progress)
    assert ended == run.ended
    assert (ended.outcome.name, ended.rows, ended.bytes, ended.connections) == ("succeeded", 1000, size, 1)
    assert 0 < ended.waited <= ended.first_byte <= ended.seconds


async def test_an_observer_that_fails_changes_nothing(
    database: Database, threads: ThreadPoolExecutor, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Observation):
        def first_byte(self, seconds: float) -> None:
            raise KeyError("first byte")

        def progressed(self, progress: Progress) -> None:
            raise KeyError("progress")

        def ended(self, ended: Ended) -> None:
            raise KeyError("ended")

    watcher = Watcher()
    async with Engine(database, threads, [lambda began: Broken(), watcher]).run(order(SHORT, "csv")) as run:
        body = b"".join([chunk async for chunk in run.chunks()])
    assert body.count(b"\n") == 1001
    assert watcher.ended.outcome.name == "succeeded"
    assert [record.message for record in caplog.records] == ["an observer failed"] * 3


async def test_an_observer_may_refuse_before_anything_is_asked(database: Database, threads: ThreadPoolExecutor) -> None:
    class Refusing(Observation):
        async def began(self) -> None:
            raise Problem(ProblemType.AUDIT_LOG_UNAVAILABLE, "Tell the service's operator.")

    watcher, turns = Watcher(), []

    class Turn:
        async def __aenter__(self) -> None:
            turns.append(True)

        async def __aexit__(self, *_: object) -> None:
            pass

    engine = Engine(database, threads, [watcher, lambda began: Refusing()])
    with pytest.raises(Problem, match="operator"):
        async with engine.run(order(SHORT, "csv"), turn=Turn()):
            pass
    assert (watcher.ended.outcome.name, watcher.ended.connections, turns) == ("refused", 0, [])


async def test_what_a_run_is_asked_wrongly_is_told(database: Database, threads: ThreadPoolExecutor) -> None:
    engine = Engine(database, threads)
    with pytest.raises(RuntimeError, match="has not begun"):
        _ = engine.run(order(SHORT, "csv")).columns
    async with engine.run(order(SHORT, "csv")) as run:
        with pytest.raises(ValueError, match="without a format"):
            run.batches()
        assert [chunk async for chunk in run.chunks()]
        with pytest.raises(RuntimeError, match="read only once"):
            run.chunks()
    async with engine.run(batches(SHORT)) as run:
        with pytest.raises(ValueError, match=r"batches\(\)"):
            run.chunks()


@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_batches_are_those_of_an_arrow_stream(
    database: Database, threads: ThreadPoolExecutor, source: str
) -> None:
    values = "i, ARRAY[i, NULL] AS list, i::numeric(9, 2) AS exact, NULL::date AS day"
    sql = f"SELECT {values} FROM generate_series(1, 20000) i"
    engine = Engine(database, threads)
    async with engine.run(order(sql, "arrows", source)) as run:
        stream = pa.ipc.open_stream(b"".join([chunk async for chunk in run.chunks()])).read_all()
    async with engine.run(batches(sql, source=source)) as run:
        table = pa.Table.from_batches([batch async for batch in run.batches()], run.schema)
    assert table.equals(stream)
    assert run.ended is not None
    assert (run.ended.rows, run.ended.bytes) == (20_000, 0)


async def test_no_rows_are_no_batches_and_rows_without_columns_are_counted(
    database: Database, threads: ThreadPoolExecutor
) -> None:
    engine = Engine(database, threads)
    async with engine.run(batches("SELECT 1 AS a WHERE false")) as run:
        assert [batch async for batch in run.batches()] == []
        assert run.schema.names == ["a"]
    async with engine.run(batches("SELECT FROM generate_series(1, 3)")) as run:
        assert sum([batch.num_rows async for batch in run.batches()]) == 3


async def test_bounds_hold_for_batches_too(database: Database, threads: ThreadPoolExecutor) -> None:
    with pytest.raises(Problem) as raised:
        async with Engine(database, threads).run(batches(SHORT, bounds=Bounds(max_rows=999))) as run:
            async for _ in run.batches():
                pass
    assert raised.value.type is ProblemType.EXPORT_TOO_LARGE
