"""What every registered format must do; a new format adds its reader here."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, cast

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from formats.encoder import Encoder, Format, Layout, UnsupportedSchemaError
from formats.registry import load

FORMATS = load()
NULLS = [(None, None)] * 3
ROWS = [(1, "é"), (None, 'say "hi", \\ and\nbreak'), (-7, ""), (2, None)]


@pytest.fixture(params=list(FORMATS.values()), ids=list(FORMATS))
def format_(request: pytest.FixtureRequest) -> Format:
    return cast("Format", request.param)


def schema_for(format_: Format) -> pa.Schema:
    if format_.layout is Layout.TYPED:
        return pa.schema([("id", pa.int64()), ("note", pa.string())], metadata={b"title": b"Notes"})
    rules = {"id": b"number", "note": b"text"}
    return pa.schema([pa.field(name, pa.string(), metadata={b"json": rule}) for name, rule in rules.items()])


def block_for(format_: Format, rows: list[Any]) -> bytes | pa.RecordBatch:
    if format_.layout is Layout.CSV:
        return "".join(f"{_csv(number)},{_csv(text)}\n" for number, text in rows).encode()
    numbers, texts = [number for number, _ in rows], [text for _, text in rows]
    if format_.layout is Layout.TEXT:
        numbers = [None if number is None else str(number) for number in numbers]
    number_type = pa.int64() if format_.layout is Layout.TYPED else pa.string()
    return pa.RecordBatch.from_arrays([pa.array(numbers, number_type), pa.array(texts, pa.string())], ["c0", "c1"])


def _csv(value: int | str | None) -> str:
    if value is None:
        return ""
    return '"{}"'.format(value.replace('"', '""')) if isinstance(value, str) else str(value)


def encoder_for(format_: Format, schema: pa.Schema) -> Encoder:
    return format_.encoder(schema, format_.options())


def document(format_: Format, *blocks: list[Any]) -> bytes:
    encoder = encoder_for(format_, schema_for(format_))
    body = [encoder.header(), *(encoder.write(encoder.prepare(block_for(format_, rows))) for rows in blocks)]
    return b"".join([*body, encoder.finish()])


def read_csv(document: bytes) -> list[Any]:
    header, *rows = csv.reader(io.StringIO(document.decode(), newline=""))
    assert header == ["id", "note"]
    return [(int(number) if number else None, text) for number, text in rows]


def read_ndjson(document: bytes) -> list[Any]:
    assert document == b"" or document.endswith(b"\n")
    return [(row["id"], row["note"]) for row in map(json.loads, document.split(b"\n")[:-1])]


def read_parquet(document: bytes) -> list[Any]:
    return _rows(pq.read_table(io.BytesIO(document)))


def read_arrow(document: bytes) -> list[Any]:
    return _rows(pa.ipc.open_stream(document).read_all())


def _rows(table: pa.Table) -> list[Any]:
    assert table.schema.metadata == {b"title": b"Notes"}
    return [(row["id"], row["note"]) for row in table.to_pylist()]


READERS = {"csv": read_csv, "ndjson": read_ndjson, "parquet": read_parquet, "arrows": read_arrow}

ROWS_COUNTED = {
    "csv": lambda document: document.count(b"\n") - 1,
    "ndjson": lambda document: document.count(b"{}\n"),
    "arrows": lambda document: sum(batch.num_rows for batch in pa.ipc.open_stream(document)),
}


def read(format_: Format, *blocks: list[Any]) -> list[Any]:
    return READERS[format_.extension](document(format_, *blocks))


def expected(format_: Format, rows: list[Any]) -> list[Any]:
    """Python's csv reader gives an empty string for NULL."""
    return [(number, text or "") for number, text in rows] if format_.layout is Layout.CSV else list(rows)


@pytest.mark.parametrize(
    "blocks",
    [[], [[]], [[(1, "one")]], [ROWS], [ROWS, NULLS, ROWS, [(3, "x")]], [NULLS], [NULLS, ROWS], [[], ROWS, []]],
    ids=["none", "empty", "one", "block", "blocks", "nulls", "nulls first", "empty between"],
)
def test_rows_come_back_in_order(format_: Format, blocks: list[Any]) -> None:
    assert read(format_, *blocks) == expected(format_, [row for rows in blocks for row in rows])


def test_blocks_prepared_at_once_give_the_same_document(format_: Format) -> None:
    encoder = encoder_for(format_, schema_for(format_))
    blocks = [[(number, f"{number}\n") for number in range(start, start + 500)] for start in range(0, 20_000, 500)]
    with ThreadPoolExecutor(8) as threads:
        prepared = list(threads.map(encoder.prepare, map(partial(block_for, format_), blocks)))
    together = b"".join([encoder.header(), *map(encoder.write, prepared), encoder.finish()])
    assert together == document(format_, *blocks)


def test_rows_without_columns_are_counted_or_refused_before_any_byte(format_: Format) -> None:
    try:
        encoder = encoder_for(format_, pa.schema([]))
    except UnsupportedSchemaError:
        return
    rows = pa.RecordBatch.from_struct_array(pa.array([{}] * 2, pa.struct([])))
    block = b"\n\n" if format_.layout is Layout.CSV else rows
    whole = b"".join([encoder.header(), encoder.write(encoder.prepare(block)), encoder.finish()])
    assert ROWS_COUNTED[format_.extension](whole) == 2


def test_everything_is_bytes(format_: Format) -> None:
    encoder = encoder_for(format_, schema_for(format_))
    parts = [encoder.header(), encoder.write(encoder.prepare(block_for(format_, ROWS))), encoder.finish()]
    assert [type(part) for part in parts] == [bytes] * 3


def test_an_encoder_can_be_dropped_at_any_point(format_: Format) -> None:
    encoder = encoder_for(format_, schema_for(format_))
    encoder.header()
    encoder.write(encoder.prepare(block_for(format_, ROWS)))
    del encoder


def test_the_content_type_is_one_that_the_format_answers_to(format_: Format) -> None:
    content_type = format_.content_type(format_.options())
    assert content_type.partition(";")[0] == format_.media_types[0]
    assert all(";" not in media_type for media_type in format_.media_types)


def test_every_option_is_described_and_has_a_default(format_: Format) -> None:
    assert format_.options()
    assert all(field.description for field in format_.options.model_fields.values())
