"""One kernel for each kind of value that is not a list: turns its text into its Arrow type."""

import binascii
from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from queries.decimals import most_digits
from queries.errors import SettingsChanged
from queries.temporal import moments, times, validity
from queries.types import Column, Kind
from queries.unrepresentable import refuse, unlike, without

Kernel = Callable[[pa.Array, Column], pa.Array]


def scalars(text: pa.Array, column: Column) -> pa.Array:
    """Return the values of a string array as the column's Arrow type.

    A value that does not fit raises Unrepresentable or becomes NULL, by the column's policy. Raises SettingsChanged for
    a bytea that is not in hexadecimal.
    """
    if column.arrow_type == pa.string():
        return text
    return _KERNELS[column.kind](text, column)


def _cast(text: pa.Array, column: Column) -> pa.Array:
    return text.cast(column.arrow_type)


def _boolean(text: pa.Array, _: Column) -> pa.Array:
    # `t` from COPY, `true` from to_json.
    return pc.starts_with(text, "t")


def _numeric(text: pa.Array, column: Column) -> pa.Array:
    if column.arrow_type == pa.float64():
        return _double(text, column)
    if _surely_exact(text, column.arrow_type):
        try:
            return text.cast(column.arrow_type)
        except pa.ArrowInvalid:
            pass
    return _decimal(text, column)


def _surely_exact(text: pa.Array, type_: pa.DataType) -> bool:
    """Return whether no text has enough digits to overflow Arrow's cast, which would wrap around silently."""
    longest = pc.max(pc.binary_length(text)).as_py() or 0
    return bool(longest + type_.scale <= most_digits(type_))


def _decimal(text: pa.Array, column: Column) -> pa.Array:
    precision, scale = column.arrow_type.precision, column.arrow_type.scale
    odd = unlike(text, f"-?(0|[0-9]{{0,{precision - scale}}})(\\.[0-9]{{0,{scale}}}0*)?")
    refuse(text, odd, column)
    surplus = f"(\\.[0-9]{{{scale}}})0+$" if scale else r"()\.0+$"
    return pc.replace_substring_regex(without(text, odd), surplus, r"\1").cast(column.arrow_type)


def _double(text: pa.Array, column: Column) -> pa.Array:
    """Return the nearest doubles; a finite number beyond the largest double does not fit."""
    values = text.cast(pa.float64())
    infinite = pc.fill_null(pc.is_inf(values), False)
    if not pc.any(infinite).as_py():
        return values
    odd = pc.and_(infinite, unlike(text, "-?Infinity"))
    refuse(text, odd, column)
    return without(values, odd)


def _bytes(text: pa.Array, _: Column) -> pa.Array:
    r"""Return the bytes of \x6162: the prefixes are removed, and the buffer of all digits is decoded in one call."""
    if not pc.all(pc.starts_with(text, "\\x")).as_py() and text.null_count < len(text):
        raise SettingsChanged(["bytea_output"])
    digits = pc.ascii_ltrim(text, characters="\\x")
    offsets = pa.Array.from_buffers(pa.int32(), len(digits) + 1, [None, digits.buffers()[1]])
    body = binascii.unhexlify(memoryview(digits.buffers()[2] or b"")[: offsets[-1].as_py()])
    halved = pc.shift_right(offsets, pa.scalar(1, pa.int32()))
    return pa.Array.from_buffers(pa.binary(), len(digits), [validity(text), halved.buffers()[1], pa.py_buffer(body)])


def _uuid(text: pa.Array, _: Column) -> pa.Array:
    """Return the bytes of the 32 digits, decoded in one call; Python removes the dashes in a third of Arrow's time."""
    digits = _characters(pc.fill_null(text, "0" * 32)).translate(None, b"-")
    storage = pa.Array.from_buffers(
        pa.binary(16), len(text), [validity(text), pa.py_buffer(binascii.unhexlify(digits))]
    )
    return pa.ExtensionArray.from_storage(pa.uuid(), storage)


def _characters(text: pa.Array) -> bytes:
    """Return the values in one piece."""
    if len(text) == 0:
        return b""
    offsets = memoryview(text.buffers()[1]).cast("i")
    return bytes(memoryview(text.buffers()[2])[offsets[text.offset] : offsets[text.offset + len(text)]])


def _document(text: pa.Array, column: Column) -> pa.Array:
    return pa.ExtensionArray.from_storage(column.arrow_type, text)


_KERNELS: Mapping[Kind, Kernel] = {
    Kind.BOOLEAN: _boolean,
    Kind.INTEGER: _cast,
    Kind.OID: _cast,
    Kind.FLOAT: _cast,
    Kind.NUMERIC: _numeric,
    Kind.DATE: moments,
    Kind.TIMESTAMP: moments,
    Kind.TIMESTAMPTZ: moments,
    Kind.TIME: times,
    Kind.BYTEA: _bytes,
    Kind.UUID: _uuid,
    Kind.JSON: _document,
    Kind.DOCUMENT: _document,
}
