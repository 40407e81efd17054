"""NDJSON: one JSON object per line, with exactly the values of `row_to_json`."""

from array import array
from collections.abc import Iterable
from functools import lru_cache
from io import BytesIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from formats.encoder import BlockEncoder, Format, Layout, Options, UnsupportedSchemaError
from formats.json_text import RULES, Rule, characters, framed

TILE_PIECES = 2**16
"""Keys and values joined at once: few enough to reuse the same memory, enough to hide the cost of the calls."""

LARGE = 2**28
"""Bytes of a block above which escapes could take it past the 2 GiB that 32-bit offsets can address."""


class NdjsonOptions(Options):
    """NDJSON has no options."""


class NdjsonEncoder(BlockEncoder):
    """Weaves keys and values into lines.

    A line is a sequence of pieces: literal, value, literal, … value, literal. All pieces of a tile of rows are laid
    into one string column, first the literals, then column after column; `take` with an index that never changes then
    puts them in the order of the lines. That is nearly twice as fast as `binary_join_element_wise`.

    Each field of the schema says under the metadata key `json` how its text becomes JSON (see `json_text`).
    """

    def __init__(self, schema: pa.Schema, options: Options) -> None:
        super().__init__(schema, options)
        self._keys = [orjson.dumps(name).decode() + ":" for name in schema.names]
        self._rules = [_rule(field) for field in schema]
        self._pieces = 2 * len(self._keys) + 1
        self._tile_rows = max(1, TILE_PIECES // self._pieces)

    def prepare(self, block: pa.RecordBatch) -> bytes:
        """Return the lines of a batch of string columns; its own names do not matter."""
        if not self._keys:
            empty_objects: bytes = b"{}\n" * block.num_rows
            return empty_objects
        columns = block.columns
        if block.nbytes > LARGE:
            columns = [column.cast(pa.large_string()) for column in columns]
        literals, values = self._literals_and_values(columns)
        size = block.num_rows * len(characters(literals)) + sum(len(characters(value)) for value in values)
        starts = range(0, block.num_rows, self._tile_rows)
        return _gathered(
            size, (self._woven(literals, [value.slice(start, self._tile_rows) for value in values]) for start in starts)
        )

    def _literals_and_values(self, columns: list[pa.Array]) -> tuple[pa.Array, list[pa.Array]]:
        """Return what stands around the values, and the values; a frame goes into the literals unless NULL is near."""
        literals, values = ["{"], []
        for key, frame in zip(self._keys, framed(self._rules, columns), strict=True):
            value, opening, closing = (frame.joined(), "", "") if frame.column.null_count else frame
            literals[-1] += key + opening
            literals.append(closing + ",")
            values.append(value)
        literals[-1] = literals[-1][:-1] + "}\n"
        return pa.array(literals, values[0].type), values

    def _woven(self, literals: pa.Array, values: list[pa.Array]) -> memoryview:
        rows = len(values[0])
        missing = self._tile_rows - rows
        # Empty, not NULL: otherwise `take` would have to check every piece for NULL.
        padding = [pa.repeat(pa.scalar("", literals.type), missing)] if missing else []
        laid_out = pa.concat_arrays([literals, *(part for value in values for part in (value, *padding))])
        order = _order(len(values), self._tile_rows).slice(0, rows * self._pieces)
        return characters(pc.take(laid_out, order, boundscheck=False))


@lru_cache(maxsize=8)
def _order(columns: int, rows: int) -> pa.Array:
    """Return the places of a tile's pieces in the order of the lines; exports of the same width share them."""
    pieces, literals = 2 * columns + 1, columns + 1
    places = array("i", bytes(4 * rows * pieces))
    for literal in range(literals):
        places[2 * literal :: pieces] = array("i", [literal]) * rows
    for column in range(columns):
        first = literals + column * rows
        places[2 * column + 1 :: pieces] = array("i", range(first, first + rows))
    return pa.Array.from_buffers(pa.int32(), len(places), [None, pa.py_buffer(places)])


def _gathered(size: int, tiles: Iterable[memoryview]) -> bytes:
    """Return the tiles, of `size` bytes in all, as one; `join` would hold all of them a second time."""
    lines = BytesIO()
    # Reserve space for everything, so that nothing is moved.
    lines.seek(size)
    lines.write(b"\n")
    lines.seek(0)
    lines.writelines(tiles)
    lines.truncate()
    return lines.getvalue()


def _rule(field: pa.Field) -> Rule:
    name: bytes = (field.metadata or {}).get(b"json", b"")
    if name not in RULES:
        raise UnsupportedSchemaError(f"column {field.name!r} does not say how its text becomes JSON")
    return RULES[name]


FORMAT = Format(
    name="ndjson",
    title="NDJSON",
    extension="ndjson",
    media_types=("application/x-ndjson", "application/jsonl"),
    layout=Layout.TEXT,
    options=NdjsonOptions,
    encoder=NdjsonEncoder,
)
