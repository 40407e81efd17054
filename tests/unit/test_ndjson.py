import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from formats import ndjson
from formats.encoder import UnsupportedSchemaError
from formats.ndjson import NdjsonEncoder, NdjsonOptions

SHORT = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def escape_json(text: str) -> str:
    """PostgreSQL's escape_json, written as its source reads: character by character."""
    escaped = (SHORT.get(char) or (f"\\u{ord(char):04x}" if char < " " else char) for char in text)
    return f'"{"".join(escaped)}"'


def encoder(*columns: tuple[str, bytes]) -> NdjsonEncoder:
    return NdjsonEncoder(
        pa.schema([pa.field(name, pa.string(), metadata={b"json": rule}) for name, rule in columns]), NdjsonOptions()
    )


def batch(*columns: Sequence[str | None]) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(column, pa.string()) for column in columns], names=[f"c{number}" for number in range(len(columns))]
    )


def values(rule: bytes, *texts: str) -> list[str]:
    """Return the JSON of each text in a column by itself, once with and once without a NULL in the block."""
    lines = encoder(("k", rule)).prepare(batch(texts)).decode().split("\n")[:-1]
    with_null = encoder(("k", rule)).prepare(batch([*texts, None])).decode().split("\n")[:-1]
    assert with_null == [*lines, '{"k":null}']
    return [line.removeprefix('{"k":').removesuffix("}") for line in lines]


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_any_text_is_escaped_as_postgresql_does_and_read_back_by_json(texts: list[str]) -> None:
    escaped = values(b"text", *texts)
    assert escaped == [escape_json(text) for text in texts]
    assert [json.loads(value) for value in escaped] == texts


@given(st.text(st.characters(codec="utf-8")))
def test_any_name_is_escaped_as_postgresql_does(name: str) -> None:
    assert encoder((name, b"number")).prepare(batch(["1"])).decode() == f"{{{escape_json(name)}:1}}\n"


@pytest.mark.parametrize("code", range(32))
def test_every_control_character_is_escaped(code: int) -> None:
    assert values(b"text", chr(code), f"a{chr(code)}b") == [escape_json(chr(code)), escape_json(f"a{chr(code)}b")]


def test_numbers_stay_to_the_digit_and_what_json_lacks_is_quoted() -> None:
    assert values(b"number", "1.00", "-0", "1e+308", "12345678901234567890.5") == [
        "1.00", "-0", "1e+308", "12345678901234567890.5"
    ]  # fmt: skip
    assert values(b"number", "1", "NaN", "Infinity", "-Infinity") == ["1", '"NaN"', '"Infinity"', '"-Infinity"']


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_what_json_lacks_is_quoted_whichever_is_alone_in_its_block(text: str) -> None:
    assert values(b"number", text) == [f'"{text}"']


def test_booleans_are_spelled_out() -> None:
    assert values(b"boolean", "t", "f") == ["true", "false"]


def test_json_stays_as_it_is_but_on_one_line() -> None:
    assert values(b"raw", '{"a":\r\n [1,\n2]}', "[1]") == ['{"a":   [1, 2]}', "[1]"]


def test_timestamps_get_a_t_and_keep_infinity_and_bc() -> None:
    assert values(b"timestamp", "2024-01-02 03:04:05.000006", "infinity", "0044-03-15 12:00:00 BC") == [
        '"2024-01-02T03:04:05.000006"', '"infinity"', '"0044-03-15T12:00:00 BC"'
    ]  # fmt: skip


def test_timestamps_with_zone_get_its_minutes_too() -> None:
    assert values(b"timestamptz", "2024-01-02 03:04:05+00", "-infinity", "0044-03-15 12:00:00+00 BC") == [
        '"2024-01-02T03:04:05+00:00"', '"-infinity"', '"0044-03-15T12:00:00+00:00 BC"'
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [("infinity", "infinity"), ("0044-03-15 12:00:00+00 BC", "0044-03-15T12:00:00+00:00 BC")]
)
def test_odd_timestamps_are_right_alone_in_their_block(text: str, expected: str) -> None:
    assert values(b"timestamptz", text) == [f'"{expected}"']


def test_bytea_doubles_its_one_backslash() -> None:
    assert values(b"bytea", "\\x6162", "\\x") == ['"\\\\x6162"', '"\\\\x"']


def test_plain_text_is_only_quoted() -> None:
    assert values(b"plain", "10.0.0.0/8", "") == ['"10.0.0.0/8"', '""']


def test_null_and_the_text_null_are_told_apart() -> None:
    assert encoder(("a", b"text"), ("b", b"number")).prepare(batch(["null", None, ""], [None, "1", "2"])) == (
        b'{"a":"null","b":null}\n{"a":null,"b":1}\n{"a":"","b":2}\n'
    )


def test_duplicate_names_are_repeated() -> None:
    assert encoder(("a", b"number"), ("a", b"number")).prepare(batch(["1"], ["2"])) == b'{"a":1,"a":2}\n'


def test_without_columns_every_row_is_an_empty_object() -> None:
    rows = pa.RecordBatch.from_struct_array(pa.array([{}] * 3, pa.struct([])))
    assert encoder().prepare(rows) == b"{}\n{}\n{}\n"


@given(st.lists(st.tuples(*[st.none() | st.text('ab\\"\n', max_size=3)] * 3), max_size=40), st.data())
def test_a_slice_gives_the_lines_of_its_rows(rows: list[Any], data: Any) -> None:
    start = data.draw(st.integers(0, len(rows)))
    stop = data.draw(st.integers(start, len(rows)))
    three = encoder(("a", b"text"), ("b", b"plain"), ("c", b"text"))
    rows = [(a, b and "x", c) for a, b, c in rows]
    whole = batch(*zip(*rows, strict=True)) if rows else batch([], [], [])
    lines = three.prepare(whole).splitlines(keepends=True)
    assert three.prepare(whole.slice(start, stop - start)) == b"".join(lines[start:stop])


@given(st.lists(st.tuples(*[st.none() | st.text('a\\"\n\x01é', max_size=3)] * 3), min_size=1))
def test_columns_are_escaped_whichever_of_them_needs_it(rows: list[Any]) -> None:
    lines = encoder(("a", b"text"), ("b", b"text"), ("c", b"text")).prepare(batch(*zip(*rows, strict=True)))
    escaped = [["null" if text is None else escape_json(text) for text in row] for row in rows]
    assert lines.decode() == "".join(f'{{"a":{a},"b":{b},"c":{c}}}\n' for a, b, c in escaped)


@pytest.mark.parametrize(
    ("rule", "usual", "odd", "written"), [(b"number", "1", "NaN", '"NaN"'), (b"raw", "1", "\n", " ")]
)
def test_one_odd_column_among_usual_ones_is_written_as_if_alone(
    rule: bytes, usual: str, odd: str, written: str
) -> None:
    both = encoder(("a", rule), ("b", rule))
    assert both.prepare(batch([usual], [odd])).decode() == f'{{"a":{usual},"b":{written}}}\n'
    assert both.prepare(batch([odd], [usual])).decode() == f'{{"a":{written},"b":{usual}}}\n'


def test_a_slice_of_moments_and_documents_gives_the_lines_of_its_rows() -> None:
    moments = ["2024-01-02 03:04:05", None, "0044-03-15 12:00:00 BC", "infinity", "2025-01-02 03:04:05.6"]
    zoned = [moment and moment.replace(" BC", "+00 BC") + ("" if "BC" in moment else "+00") for moment in moments]
    zoned[3] = "-infinity"
    four = encoder(("a", b"timestamp"), ("b", b"timestamptz"), ("c", b"raw"), ("d", b"bytea"))
    whole = batch(moments, zoned, ['{"a":\n1}', "[\r]", None, "1", "2"], ["\\x", "\\x61", None, "\\x6162", "\\x5c"])
    lines = four.prepare(whole).splitlines(keepends=True)
    for start in range(5):
        for stop in range(start, 6):
            assert four.prepare(whole.slice(start, stop - start)) == b"".join(lines[start:stop])


@pytest.mark.parametrize("pieces", [1, 7, 21, 10_000])
def test_rows_are_the_same_however_many_are_woven_at_once(monkeypatch: pytest.MonkeyPatch, pieces: int) -> None:
    monkeypatch.setattr(ndjson, "TILE_PIECES", pieces)
    numbers = [str(number) for number in range(100)]
    lines = encoder(("a", b"number"), ("b", b"text")).prepare(batch(numbers, [*numbers[:-1], None]))
    expected = [f'{{"a":{n},"b":"{n}"}}\n' for n in range(99)] + ['{"a":99,"b":null}\n']
    assert lines.decode() == "".join(expected)


def test_tiles_are_not_held_beside_the_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "TILE_PIECES", 300)
    one, long = encoder(("a", b"number")), batch(["1234567890"] * 100_000)
    used, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        lines = one.prepare(long)
    finally:
        pa.set_memory_pool(used)
    assert pool.max_memory() < len(lines) / 10


def test_exports_of_one_width_share_the_order_of_pieces() -> None:
    ndjson._order.cache_clear()
    for names in ("ab", "cd"):
        encoder(*((name, b"number") for name in names)).prepare(batch(["1"], ["2"]))
    assert ndjson._order.cache_info().currsize == 1


def test_a_block_that_could_pass_32_bit_offsets_gives_the_same_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = batch(["1", None, "NaN"], ["t", "f", None], ['{"a":\n1}', None, "1"], ["\n\x01", None, "b"])
    four = encoder(("a", b"number"), ("b", b"boolean"), ("c", b"raw"), ("d", b"text"))
    lines = four.prepare(columns)
    monkeypatch.setattr(ndjson, "LARGE", 1)
    assert (
        four.prepare(columns)
        == lines
        == (
            b'{"a":1,"b":true,"c":{"a": 1},"d":"\\n\\u0001"}\n'
            b'{"a":null,"b":false,"c":null,"d":null}\n'
            b'{"a":"NaN","b":null,"c":1,"d":"b"}\n'
        )
    )


def test_a_thousand_columns_fit_on_a_line() -> None:
    names = [f"n{number}" for number in range(1600)]
    line = encoder(*((name, b"number") for name in names)).prepare(batch(*[["7", "8"]] * 1600))
    assert [json.loads(text) for text in line.splitlines()] == [dict.fromkeys(names, 7), dict.fromkeys(names, 8)]


def test_a_column_of_unknown_text_is_refused_before_any_row() -> None:
    with pytest.raises(UnsupportedSchemaError, match="'a'"):
        NdjsonEncoder(pa.schema([("a", pa.string())]), NdjsonOptions())
