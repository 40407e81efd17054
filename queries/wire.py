"""The driver's connection, watched so that no row of a COPY is lost silently.

The driver collects the rows that it has received, and forgets them when another message comes before the next row
(https://github.com/MagicStack/asyncpg/issues/1264). So they are taken away from it when it reports a NOTICE, WARNING or
INFO. Whatever else may happen, the bytes that it hands over are compared with those that were received.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import asyncpg

from queries.connection import Connection

Rescue: TypeAlias = Callable[[bytes, asyncio.ReadTransport], None]

_HEAD = 5
"""Bytes of a message's kind and length (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""
_NEXT_ROW = b"\nd\0"
"""A row's end and the start of the next row's message, if that is shorter than 16 MiB; rows contain no zero byte."""


class Copying:
    """What comes over the wire while one COPY runs."""

    def __init__(self, rescue: Rescue) -> None:
        """See `CopyingConnection.copying`."""
        self.rescue = rescue
        self.notices = 0
        """The bytes of notices."""
        self._received = 0
        self._other = 0
        """The bytes of messages that are neither rows nor notices."""
        self._message = 0
        """Where the last known message begins."""
        self._head = b""
        """The part of its head that has been received."""

    def see(self, data: bytes) -> None:
        """Count what was received, message by message, except that small rows are skipped all at once."""
        start = self._received
        self._received += len(data)
        place = data.rfind(_NEXT_ROW)
        last = start + place + 1 if place >= 0 else 0
        while True:
            have = len(self._head)
            if have < _HEAD:
                place = self._message + have - start
                self._head += data[place : place + _HEAD - have]
                if len(self._head) < _HEAD:
                    return
            kind, end = self._head[:1], self._message + 1 + int.from_bytes(self._head[1:])
            if kind == b"d" and last > self._message:
                end = last
            elif end > self._received:
                return
            elif kind not in (b"d", b"N"):
                self._other += end - self._message
            self._message, self._head = end, b""

    def rows(self, handed: int) -> int:
        """Return how many whole rows were received, provided that the driver neither holds nor reads any.

        Args:
            handed: the bytes of all rows that were handed over.
        """
        return (self._of_rows() - handed) // _HEAD

    def surplus(self, status: str, handed: int) -> int:
        """Return by how many bytes the received rows exceed those that were handed over; 0 means that none is missing.

        Args:
            status: the server's command tag, such as `COPY 3`.
            handed: the bytes of the rows that the driver has handed over, or that were taken from it.
        """
        return self._of_rows() - int(status.rpartition(" ")[2]) * _HEAD - handed

    def _of_rows(self) -> int:
        """Return the bytes of whole rows, heads included.

        Each row is a message of its own: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
        """
        return self._message - self._other - self.notices


class Wire(asyncio.Protocol):
    """Sits between a connection's transport and the driver, and shows a `Copying` what the driver receives."""

    copying: Copying | None = None
    """The COPY that is running."""

    def __init__(self, transport: Any, driver: Any) -> None:
        """`driver` is the driver's protocol, which still handles everything but received data."""
        self._read = driver.data_received
        # Attributes instead of methods save a call.
        self.connection_lost = driver.connection_lost  # type: ignore[method-assign]
        self.pause_writing = driver.pause_writing  # type: ignore[method-assign]
        self.resume_writing = driver.resume_writing  # type: ignore[method-assign]
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Show the data to the COPY, then pass it on."""
        if self.copying is not None:
            self.copying.see(data)
        self._read(data)


class CopyingConnection(asyncpg.Connection):
    """A connection whose COPY loses no rows silently."""

    _wire: Wire | None = None
    # Missing in the stubs.
    _protocol: Any
    _transport: asyncio.ReadTransport

    @contextmanager
    def copying(self, rescue: Rescue) -> Iterator[Copying]:
        """Watch one COPY, starting before it is sent.

        `rescue` is called with whole rows that would be lost to a message, in their order within the COPY, and with the
        transport. It is called while the driver is receiving, so it must not block.
        """
        wire = self._wire = self._wire or Wire(self._transport, self._protocol)
        wire.copying = Copying(rescue)
        try:
            yield wire.copying
        finally:
            wire.copying = None

    def _process_log_message(self, fields: dict[str, str], last_query: Any) -> None:
        copying = self._wire.copying if self._wire else None
        if copying is not None:
            # A field is a letter and a text that ends with a zero byte; one more byte ends the message.
            copying.notices += _HEAD + sum(2 + len(text.encode()) for text in fields.values()) + 1
            if rows := self._taken():
                copying.rescue(rows, self._transport)
        super()._process_log_message(fields, last_query)  # type: ignore[misc]

    def _taken(self) -> bytes:
        """Take the rows that the driver holds, so that it does not hand them over itself."""
        for held in gc.get_referents(self._protocol):
            if type(held) is bytearray:  # it refers to no other
                rows: Any = held[:]  # bytes to the driver's stubs, as are the chunks that it hands over
                held.clear()
                return rows  # type: ignore[no-any-return]
        return b""


def driver_of(connection: Connection) -> CopyingConnection:
    """Return the driver's connection behind one that a pool has lent.

    Raises:
        asyncpg.InterfaceError: the connection was lost, and the pool has taken it back.
    """
    driver: Any = connection
    lent: CopyingConnection | None = getattr(driver, "_con", driver)
    if lent is None or lent.is_closed():
        raise asyncpg.InterfaceError("the connection was lost before the COPY")
    return lent
