"""Databases whose encoding is not UTF-8."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pytest

from exporter.exports.failures import _INVALID, problem_of
from exporter.problems import ProblemType
from queries.errors import InvalidText, QueryRejected, UnsentText
from queries.header import ColumnOverride
from tests.exporting import FORMATS, database, document, order
from tests.postgres import execute


@contextmanager
def database_in(encoding: str, server_url: str) -> Iterator[str]:
    name = f"encoded_{encoding.lower()}"
    options = f"TEMPLATE template0 ENCODING '{encoding}' LC_COLLATE 'C' LC_CTYPE 'C'"
    # A server may have another default provider, which does not know the encoding.
    asyncio.run(execute(server_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    asyncio.run(execute(server_url, f"CREATE DATABASE {name} {options} LOCALE_PROVIDER libc"))
    yield urlsplit(server_url)._replace(path=f"/{name}").geturl()
    asyncio.run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture(scope="module", params=["LATIN1", "SQL_ASCII"])
def encoded(request: pytest.FixtureRequest, server_url: str) -> Iterator[tuple[str, str]]:
    with database_in(request.param, server_url) as dsn:
        yield request.param, dsn


@pytest.fixture(scope="module")
def win1252(server_url: str) -> Iterator[str]:
    with database_in("WIN1252", server_url) as dsn:
        yield dsn


@pytest.mark.anyio
@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_a_character_that_utf8_does_not_have(win1252: str, source: str) -> None:
    exporting = database(win1252)
    for extension in FORMATS:
        with pytest.raises(UnsentText) as refused:
            await document(exporting, order("SELECT chr(129) AS v", extension, source))
        problem = problem_of(refused.value)
        assert problem.type is ProblemType.UNREPRESENTABLE_VALUE
        assert "encoding is WIN1252" in problem.detail
        assert refused.value.sqlstate == "22P05"
    await exporting.pool.close()


@pytest.mark.anyio
async def test_text_is_utf8_or_refused_and_never_a_broken_document(encoded: tuple[str, str]) -> None:
    encoding, dsn = encoded
    exporting = database(dsn)
    query = "SELECT chr(228) AS v" if encoding == "LATIN1" else "SELECT convert_from('\\xe4', 'SQL_ASCII') AS v"
    if encoding == "LATIN1":
        assert await document(exporting, order(query, "csv")) == "v\nä\n".encode()
        assert await document(exporting, order(query, "ndjson")) == '{"v":"ä"}\n'.encode()
        table = pa.ipc.open_stream(await document(exporting, order(query, "arrows"))).read_all()
        assert table["v"].to_pylist() == ["ä"]
    else:
        for source in ("copy", "cursor"):
            for extension in FORMATS:
                with pytest.raises(InvalidText) as refused:
                    await document(exporting, order(query, extension, source))
                problem = problem_of(refused.value)
                assert problem.type is ProblemType.UNREPRESENTABLE_VALUE
                assert "column 'v', row 1: " in problem.detail
                assert "encoding is SQL_ASCII" in problem.detail
    await exporting.pool.close()


ROWS = """SELECT i, CASE i WHEN 3000 THEN convert_from('\\xe4', 'SQL_ASCII') ELSE 'ä' || i END AS v, 'x' AS w
FROM generate_series(1, 5000) i"""


@pytest.mark.anyio
@pytest.mark.parametrize("options", [{}, {"escape_formulas": True}])
@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_a_database_of_any_bytes_tells_column_and_row(
    encoded: tuple[str, str], source: str, options: dict[str, Any]
) -> None:
    encoding, dsn = encoded
    exporting = database(dsn)
    if encoding == "SQL_ASCII":
        with pytest.raises(InvalidText) as refused:
            await document(exporting, order(ROWS, "csv", source, **options))
        assert (refused.value.column, refused.value.row) == ("v", 2999)
        cleared = order(ROWS, "csv", source, columns={"v": ColumnOverride(on_unrepresentable="null")}, **options)
        lines = (await document(exporting, cleared)).decode().splitlines()
        assert lines[2999:3002] == ["2999,ä2999,x", "3000,,x", "3001,ä3001,x"]
        assert len(lines) == 5001
    await exporting.pool.close()


@pytest.mark.anyio
async def test_a_query_s_own_conversion_from_any_bytes_is_the_query_s(encoded: tuple[str, str]) -> None:
    encoding, dsn = encoded
    exporting = database(dsn)
    if encoding == "SQL_ASCII":
        for source in ("copy", "cursor"):
            with pytest.raises(QueryRejected) as refused:
                await document(exporting, order("SELECT convert_from('\\xe4', 'UTF8') AS v", "csv", source))
            assert problem_of(refused.value).type is ProblemType.QUERY_REJECTED
    await exporting.pool.close()


@pytest.mark.anyio
@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_the_advice_does_what_it_says(encoded: tuple[str, str], source: str) -> None:
    encoding, dsn = encoded
    exporting = database(dsn)
    (told,) = re.findall(r"use (.*) in the dataset's query for the column `name`", _INVALID["SQL_ASCII"])
    table = "(SELECT convert_from('\\xe42b5c', 'SQL_ASCII') AS name) t"
    query = f"SELECT {told} AS v FROM {table}" if encoding == "SQL_ASCII" else "SELECT chr(228) || '+\\' AS v"
    for extension in ("csv", "ndjson"):
        found = await document(exporting, order(query, extension, source))
        assert found == {"csv": "v\nä+\\\n", "ndjson": '{"v":"ä+\\\\"}\n'}[extension].encode()
    await exporting.pool.close()


@pytest.mark.anyio
@pytest.mark.parametrize("source", ["copy", "cursor"])
async def test_a_spreadsheet_s_text(encoded: tuple[str, str], source: str) -> None:
    encoding, dsn = encoded
    exporting = database(dsn)
    signs = "'\uff1d1'" if encoding == "SQL_ASCII" else "'ä'"
    query = f"SELECT * FROM (VALUES ('=1'), ('x'), ({signs}), (NULL), (' @')) t(v)"
    found = await document(exporting, order(query, "csv", source, profile="excel"))
    assert found.decode("utf-8-sig").splitlines() == [
        "v", "'=1", "x", "'\uff1d1" if encoding == "SQL_ASCII" else "ä", "", "' @",
    ]  # fmt: skip
    invalid = "SELECT convert_from('\\xe4', 'SQL_ASCII') AS v"
    if encoding == "SQL_ASCII":
        with pytest.raises(InvalidText):
            await document(exporting, order(invalid, "csv", source, profile="excel"))
    await exporting.pool.close()


@pytest.mark.anyio
async def test_a_query_s_own_conversion_is_the_query_s(database_url: str) -> None:
    exporting = database(database_url)
    for source in ("copy", "cursor"):
        with pytest.raises(QueryRejected) as refused:
            await document(exporting, order("SELECT convert_from('\\xe4', 'UTF8') AS v", "csv", source))
        assert problem_of(refused.value).type is ProblemType.QUERY_REJECTED
    await exporting.pool.close()
