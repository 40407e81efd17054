import datetime as dt

import polars as pl
import pyarrow as pa
import pytest

from formats.arrow import ArrowEncoder, ArrowOptions
from tests.unit.typed_rows import typed_rows

NUMBERS = pa.schema([("n", pa.int64())])


def document(schema: pa.Schema, *batches: pa.RecordBatch) -> bytes:
    encoder = ArrowEncoder(schema, ArrowOptions())
    prepared = [encoder.prepare(batch) for batch in batches]
    return b"".join([encoder.header(), *map(encoder.write, prepared), encoder.finish()])


def numbers(*values: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(values, pa.int64())], names=["c0"])


def test_types_names_and_values_come_back() -> None:
    schema, batch = typed_rows()
    schema = schema.with_metadata({b"title": "Größe".encode()})
    table = pa.ipc.open_stream(document(schema, batch)).read_all()
    assert table.schema.equals(schema, check_metadata=True)
    assert repr(table.to_pylist()) == repr(batch.rename_columns(schema.names).to_pylist())


def test_polars_reads_the_same_values() -> None:
    schema, batch = typed_rows()
    readable = [number for number, name in enumerate(schema.names) if name not in {"wide", "uuid", "uuids"}]
    chosen = pa.schema([schema.field(number) for number in readable])
    frame = pl.read_ipc_stream(document(chosen, batch.select(readable)))
    expected = batch.select(readable).rename_columns(chosen.names).to_pydict()
    assert frame.columns == chosen.names
    for name in {*chosen.names} - {"timestamptz"}:
        assert repr(frame[name].to_list()) == repr(expected[name]), name
    assert frame["timestamptz"].to_list() == expected["timestamptz"]


def test_a_slice_is_written_without_the_rest_of_its_batch() -> None:
    encoder = ArrowEncoder(NUMBERS, ArrowOptions())
    whole = numbers(*range(10_000))
    assert len(encoder.prepare(whole.slice(5, 2))) < 500
    assert pa.ipc.open_stream(document(NUMBERS, whole.slice(5, 2))).read_all()["n"].to_pylist() == [5, 6]


def test_rows_without_columns_are_counted() -> None:
    rows = pa.RecordBatch.from_struct_array(pa.array([{}] * 3, pa.struct([])))
    assert [batch.num_rows for batch in pa.ipc.open_stream(document(pa.schema([]), rows, rows))] == [3, 3]


def test_a_torn_stream_is_told_from_a_whole_one() -> None:
    whole = document(NUMBERS, numbers(1), numbers(2))
    assert whole.endswith(b"\xff\xff\xff\xff\x00\x00\x00\x00")
    with pytest.raises(pa.ArrowInvalid):
        pa.ipc.open_stream(whole[:-100]).read_all()


def test_a_batch_of_other_types_is_an_error() -> None:
    encoder = ArrowEncoder(NUMBERS, ArrowOptions())
    with pytest.raises(TypeError):
        encoder.prepare(pa.RecordBatch.from_arrays([pa.array([dt.date(2024, 1, 1)])], names=["c0"]))
