"""The CSV header is, byte for byte, what COPY would write; the rows themselves pass through untouched."""

import asyncpg
import pyarrow as pa
import pytest

from formats.csv import CsvEncoder, CsvOptions
from queries.connection import Connection

pytestmark = pytest.mark.anyio

ODD = ["a", "a,b", "a;b", 'q"q', " s ", "é", "two\nlines", "cr\rx", "\\.", "NA", "tab\t", "\\", "'", "\ufeff"]
DIALECTS = [(",", ""), (";", "NA"), ("a", "\\."), ("\\", "two"), ("\t", " s "), (" ", "é"), ("\x01", "\x02")]


async def copied_header(connection: Connection, names: list[str], delimiter: str, null: str) -> bytes:
    selected = ", ".join('1 AS "{}"'.format(name.replace('"', '""')) for name in names)
    written = bytearray()

    async def write(chunk: bytes) -> None:
        written.extend(chunk)

    await connection.copy_from_query(
        f"SELECT {selected} WHERE false", output=write, format="csv", header=True, delimiter=delimiter, null=null
    )
    return bytes(written)


@pytest.mark.parametrize("names", [ODD, *([name] for name in ODD), ["\\.", "b"], []], ids=ascii)
@pytest.mark.parametrize(("delimiter", "null"), DIALECTS, ids=ascii)
async def test_the_header_is_what_copy_writes(
    connection: Connection, names: list[str], delimiter: str, null: str
) -> None:
    schema = pa.schema([(name, pa.string()) for name in names])
    ours = CsvEncoder(schema, CsvOptions(delimiter=delimiter, null=null)).header()
    assert ours == await copied_header(connection, names, delimiter, null)


@pytest.mark.parametrize("character", [chr(code) for code in range(1, 128)], ids=ascii)
async def test_a_delimiter_is_accepted_exactly_if_copy_accepts_it(connection: Connection, character: str) -> None:
    try:
        CsvOptions(delimiter=character)
    except ValueError:
        with pytest.raises(asyncpg.PostgresError):
            await copied_header(connection, ["n"], character, "")
    else:
        assert await copied_header(connection, ["n"], character, "")
