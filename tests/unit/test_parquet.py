import io
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from formats import parquet, parquet_columns
from formats.encoder import UnsupportedSchemaError
from formats.parquet import ParquetEncoder, ParquetOptions
from tests.unit.typed_rows import READABLE, typed_rows

NUMBERS = pa.schema([("n", pa.int64())])


def numbers(start: int, stop: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array(range(start, stop), pa.int64())], names=["c0"])


def document(schema: pa.Schema, *batches: pa.RecordBatch, **options: Any) -> bytes:
    encoder = ParquetEncoder(schema, ParquetOptions(**options))
    prepared = [encoder.prepare(batch) for batch in batches]
    return b"".join([encoder.header(), *map(encoder.write, prepared), encoder.finish()])


def groups(file: bytes) -> list[int]:
    metadata = pq.read_metadata(io.BytesIO(file))
    return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]


def test_row_groups_have_exactly_the_size_asked_for() -> None:
    file = document(NUMBERS, numbers(0, 700), numbers(700, 3100), numbers(3100, 3101), row_group_size=1000)
    assert groups(file) == [1000, 1000, 1000, 101]
    assert pq.read_table(io.BytesIO(file))["n"].to_pylist() == list(range(3101))


def test_a_last_full_row_group_is_not_followed_by_an_empty_one() -> None:
    assert groups(document(NUMBERS, numbers(0, 2000), row_group_size=1000)) == [1000, 1000]


def test_a_row_group_ends_early_when_its_rows_are_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP_BYTES", 800)
    assert groups(document(NUMBERS, *(numbers(n * 60, n * 60 + 60) for n in range(5)))) == [120, 120, 60]


def test_bytes_leave_as_soon_as_a_row_group_is_full() -> None:
    encoder = ParquetEncoder(NUMBERS, ParquetOptions(row_group_size=1000))
    assert encoder.header() + encoder.write(encoder.prepare(numbers(0, 999))) == b""
    assert encoder.write(encoder.prepare(numbers(999, 1001))).startswith(b"PAR1")
    assert encoder.finish().endswith(b"PAR1")


@pytest.mark.parametrize("compression", ["zstd", "snappy", "gzip", "brotli", "lz4", "none"])
def test_every_codec_is_written_and_read(compression: str) -> None:
    file = document(NUMBERS, numbers(0, 5), compression=compression)
    written = pq.read_metadata(io.BytesIO(file)).row_group(0).column(0).compression
    assert written == {"none": "UNCOMPRESSED"}.get(compression, compression.upper())
    assert pl.read_parquet(io.BytesIO(file))["n"].to_list() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("options", [{"compression": "lzo"}, {"row_group_size": 0}, {"row_group_size": 10_000_001}])
def test_an_option_out_of_range_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ParquetOptions(**options)


def test_without_rows_the_file_has_its_schema_and_metadata() -> None:
    schema, _ = typed_rows()
    file = pq.read_metadata(io.BytesIO(document(schema.with_metadata({b"title": "Größe".encode()}))))
    assert (file.num_rows, file.schema.names[:2]) == (0, schema.names[:2])
    assert file.metadata[b"title"] == "Größe".encode()


def test_rows_without_columns_are_refused_before_any_byte() -> None:
    with pytest.raises(UnsupportedSchemaError):
        ParquetEncoder(pa.schema([]), ParquetOptions())


def test_a_type_that_parquet_lacks_is_refused_before_any_byte() -> None:
    with pytest.raises(UnsupportedSchemaError, match="interval"):
        ParquetEncoder(pa.schema([("i", pa.month_day_nano_interval())]), ParquetOptions())


def test_a_value_that_the_schema_cannot_hold_is_an_error() -> None:
    encoder = ParquetEncoder(pa.schema([("n", pa.int32())]), ParquetOptions())
    with pytest.raises(pa.ArrowInvalid):
        encoder.prepare(numbers(2**31, 2**31 + 1))


def test_logical_types_are_those_of_postgresql() -> None:
    schema, batch = typed_rows()
    columns = pq.read_metadata(io.BytesIO(document(schema, batch))).schema
    logical = {column.path: column.logical_type.type for column in map(columns.column, range(len(columns)))}
    assert logical["uuid"] == "UUID"
    assert logical["json"] == "JSON"
    assert logical["uuids.list.element"] == "UUID"
    assert logical["timestamptz"] == "TIMESTAMP"
    assert logical["numeric"] == "DECIMAL"


def test_pyarrow_reads_the_same_values() -> None:
    schema, batch = typed_rows()
    table = pq.read_table(io.BytesIO(document(schema, batch)))
    assert [field.type for field in table.schema] == schema.types
    assert repr(table.to_pylist()) == repr(pa.Table.from_batches([batch.rename_columns(schema.names)]).to_pylist())


@pytest.mark.parametrize("name", READABLE)
def test_duckdb_reads_the_same_values(name: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_bytes(document(*typed_rows()))
    # As microseconds, because DuckDB prints instants in the zone of the machine.
    column = f"epoch_us({name})" if name == "timestamptz" else name
    read = duckdb.sql(f"SELECT {column}::varchar FROM '{path}'").fetchall()
    assert [value for (value,) in read] == READABLE[name]


def test_polars_reads_the_same_values() -> None:
    schema, batch = typed_rows()
    # It has no decimals of more than 38 digits, and knows no UUID: those are read as their 16 bytes.
    columns = [name for name in schema.names if name not in {"wide", "uuids"}]
    frame = pl.read_parquet(io.BytesIO(document(schema, batch)), columns=columns)
    expected = batch.rename_columns(schema.names).select(columns).to_pydict()
    expected["uuid"] = [value and value.bytes for value in expected["uuid"]]
    for name in columns:
        read = frame[name].to_list()
        assert read == expected[name] or repr(read) == repr(expected[name]), name


def file_of(*columns: tuple[str, pa.Array], **options: Any) -> dict[str, Any]:
    """Return the metadata of a file's first row group by the path of each column."""
    schema = pa.schema([(name, array.type) for name, array in columns])
    batch = pa.RecordBatch.from_arrays([array for _, array in columns], schema=schema)
    written = document(schema, batch, **options)
    assert pq.read_table(io.BytesIO(written)).to_pylist() == batch.to_pylist()
    group = pq.read_metadata(io.BytesIO(written)).row_group(0)
    chunks = map(group.column, range(group.num_columns))
    return {chunk.path_in_schema: chunk for chunk in chunks}


def test_only_values_that_recur_have_a_dictionary() -> None:
    few, many = [f"{number % 5}" for number in range(1000)], [f"{number}" for number in range(1000)]
    chunks = file_of(
        ("few", pa.array(few)),
        ("many", pa.array(many)),
        ("seldom", pa.array([number if number < 100 else None for number in range(1000)])),
        ("none", pa.nulls(1000, pa.string())),
        ("a.dotted", pa.array(few)),
        ("json", pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(few))),
        ("lists", pa.array([[number] for number in few])),
        ("long lists", pa.array([[number] for number in many])),
    )
    assert {path for path, chunk in chunks.items() if chunk.has_dictionary_page} == {
        "few", "none", "a.dotted", "json", "lists.list.element"
    }  # fmt: skip


def test_all_but_few_mixed_texts_have_statistics() -> None:
    mixed = [f"{number % 5}" for number in range(1000)]
    chunks = file_of(
        ("mixed", pa.array(mixed)),
        ("sorted", pa.array(sorted(mixed))),
        ("many", pa.array([f"{number}" for number in range(1000)])),
        ("number", pa.array([number % 5 for number in range(1000)])),
        ("lists", pa.array([[number % 5] for number in range(1000)])),
    )
    assert {path for path, chunk in chunks.items() if chunk.is_stats_set} == {
        "sorted", "many", "number", "lists.list.element"
    }  # fmt: skip


def test_only_a_sample_of_wide_rows_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_columns, "SAMPLE_BYTES", 800)
    # Of 8,000 bytes every eleventh value: those are all alike, though most of the others differ.
    chunks = file_of(("n", pa.array([number if number % 11 else 0 for number in range(1000)])))
    assert chunks["n"].has_dictionary_page


def test_values_that_cease_to_recur_are_written_all_the_same() -> None:
    first, later = numbers(0, 1), numbers(0, 200_000)
    file = document(NUMBERS, *[first] * 1000, later, row_group_size=1000)
    assert pq.read_table(io.BytesIO(file))["n"].to_pylist() == [0] * 1000 + list(range(200_000))


def test_rows_that_wait_for_their_group_do_not_hold_those_that_are_written() -> None:
    held = []
    for rows in (10_000, 10_001):
        encoder = ParquetEncoder(NUMBERS, ParquetOptions(row_group_size=10_000))
        before = pa.total_allocated_bytes()
        encoder.write(encoder.prepare(numbers(0, rows)))
        held.append(pa.total_allocated_bytes() - before)
    assert held[1] - held[0] < 1000


def test_an_abandoned_encoder_leaves_nothing_behind() -> None:
    encoder = ParquetEncoder(NUMBERS, ParquetOptions())
    encoder.write(encoder.prepare(numbers(0, 10)))
    del encoder
