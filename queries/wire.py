"""The driver's connection, and what comes over it: no row of a COPY is lost in silence.

The driver gathers the rows that it has received, and forgets them when another message comes before the next row
(https://github.com/MagicStack/asyncpg/issues/1264). So they are taken out of its hands when it tells of a NOTICE,
WARNING or INFO. And whatever else may happen: the bytes that it hands over are compared with those that came.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import asyncpg

Rescue: TypeAlias = Callable[[bytes, asyncio.ReadTransport], None]

_HEAD = 5
"""Bytes of a message's kind and length (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""
_COPY_DONE = b"c\0\0\0\4"
"""The message behind the rows, in which no zero byte occurs but in their lengths, behind a `d`."""
_TAIL_BYTES = 1 << 14
"""More than a server says behind the rows: how it ended, what settings the statement left, that it is ready."""


class Wire(asyncio.Protocol):
    """Stands between a connection's transport and the driver, and counts what the driver is given during a COPY."""

    def __init__(self, transport: Any, driver: Any) -> None:
        """Take what the driver reads from, and the driver's protocol, which keeps all but the reading."""
        self._read = driver.data_received
        # Not methods, so that nothing stands between.
        self.connection_lost = driver.connection_lost  # type: ignore[method-assign]
        self.pause_writing = driver.pause_writing  # type: ignore[method-assign]
        self.resume_writing = driver.resume_writing  # type: ignore[method-assign]
        self.begin()
        transport.set_protocol(self)

    def begin(self) -> None:
        """Forget what was counted."""
        self.received = 0
        self._others = 0
        """Bytes of messages before the first row."""
        self._start: bytes | None = b""
        """What has come of the messages before the first row and is not counted yet; None from the first row on."""
        self._tail = b""
        """The last bytes, `_TAIL_BYTES` where there were as many."""

    def data_received(self, data: bytes) -> None:
        """Count, and pass on."""
        self.received += len(data)
        if self._start is not None:
            self._begun(self._start + data)
        self._tail = data if len(data) >= _TAIL_BYTES else self._tail[-_TAIL_BYTES:] + data
        self._read(data)

    def others(self) -> int:
        """Return the bytes of all messages before and behind the rows, but for notices."""
        end = self._tail[self._tail.rfind(_COPY_DONE) :]
        return self._others + sum(length for kind, length in _messages(end) if kind != b"N")

    def _begun(self, start: bytes) -> None:
        for kind, length in _messages(start):
            if kind in (b"d", b"c"):
                self._start = None
                return
            if kind != b"N":
                self._others += length
            start = start[length:]
        self._start = start


def _messages(data: bytes) -> Iterator[tuple[bytes, int]]:
    """Yield the kind and the size of each message that is there to its end, and of a first row."""
    place = 0
    while place + _HEAD <= len(data):
        kind, length = data[place : place + 1], 1 + int.from_bytes(data[place + 1 : place + _HEAD])
        if place + length > len(data) and kind != b"d":
            return
        yield kind, length
        place += length


class Copying:
    """What comes over the wire while one COPY runs."""

    def __init__(self, wire: Wire, rescue: Rescue) -> None:
        self.rescue = rescue
        self.notices = 0
        """Their bytes."""
        self._wire = wire

    def missing(self, rows: int, handed: int) -> int:
        """Return how many bytes fewer the driver has handed over than the server has sent.

        Args:
            rows: how many the server says it sent. Each is a message of its own:
                https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
            handed: the bytes of those that the driver has handed over, or that were taken from it.
        """
        return self._wire.received - self._wire.others() - self.notices - rows * _HEAD - handed


class CopyingConnection(asyncpg.Connection):
    """A connection whose COPY loses no rows in silence."""

    _wire: Wire | None = None
    _copying: Copying | None = None
    # What the stubs do not show.
    _protocol: Any
    _transport: asyncio.ReadTransport

    @contextmanager
    def copying(self, rescue: Rescue) -> Iterator[Copying]:
        """Watch one COPY, from before it is sent.

        `rescue` is called with whole rows that a message would cost, in their place among those of the COPY, and with
        what they were read from, while the driver receives: it must not wait.
        """
        wire = self._wire = self._wire or Wire(self._transport, self._protocol)
        wire.begin()
        self._copying = Copying(wire, rescue)
        try:
            yield self._copying
        finally:
            self._copying = None
            wire.begin()

    def _process_log_message(self, fields: dict[str, str], last_query: Any) -> None:
        if self._copying is not None:
            # A field is a letter and a text that ends with a zero byte; one more byte ends the message.
            self._copying.notices += _HEAD + sum(2 + len(text.encode()) for text in fields.values()) + 1
            if rows := self._taken():
                self._copying.rescue(rows, self._transport)
        super()._process_log_message(fields, last_query)  # type: ignore[misc]

    def _taken(self) -> bytes:
        """Return the rows that the driver holds, and leave it none, which it then does not hand over."""
        for held in gc.get_referents(self._protocol):
            if type(held) is bytearray:  # it refers to no other
                rows = bytes(held)
                held.clear()
                return rows
        return b""
