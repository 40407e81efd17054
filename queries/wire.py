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

from queries.connection import Connection

Rescue: TypeAlias = Callable[[bytes, asyncio.ReadTransport], None]

_HEAD = 5
"""Bytes of a message's kind and length (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""
_NEXT_ROW = b"\nd\0"
"""A row's end and the beginning of the next one's message, if that has less than 16 MiB: a row holds no zero byte."""


class Copying:
    """What comes over the wire while one COPY runs."""

    def __init__(self, rescue: Rescue) -> None:
        """Take what `CopyingConnection.copying` says."""
        self.rescue = rescue
        self.notices = 0
        """Their bytes."""
        self._received = 0
        self._other = 0
        """The bytes of messages that are neither rows nor notices."""
        self._message = 0
        """Where the last message begins that is known of."""
        self._head = b""
        """As much of its head as has come."""

    def see(self, data: bytes) -> None:
        """Count what came: message by message, but that all rows in it are passed at once, up to the last small one."""
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
        """Return how many rows have come whole, as long as the driver neither holds nor reads any.

        Args:
            handed: the bytes of all of them.
        """
        return (self._of_rows() - handed) // _HEAD

    def surplus(self, status: str, handed: int) -> int:
        """Return by how many bytes what came from the server exceeds what was handed over; 0 means that all is right.

        Args:
            status: the server's last word, such as `COPY 3`.
            handed: the bytes of the rows that the driver has handed over, or that were taken from it.
        """
        return self._of_rows() - int(status.rpartition(" ")[2]) * _HEAD - handed

    def _of_rows(self) -> int:
        """Return the bytes of whole rows and of their heads.

        Each row is a message of its own: https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-COPY
        """
        return self._message - self._other - self.notices


class Wire(asyncio.Protocol):
    """Stands between a connection's transport and the driver, and shows what the driver reads during a COPY."""

    copying: Copying | None = None
    """Who sees it."""

    def __init__(self, transport: Any, driver: Any) -> None:
        """Take what the driver reads from, and the driver's protocol, which keeps all but the reading."""
        self._read = driver.data_received
        # Not methods, so that nothing stands between.
        self.connection_lost = driver.connection_lost  # type: ignore[method-assign]
        self.pause_writing = driver.pause_writing  # type: ignore[method-assign]
        self.resume_writing = driver.resume_writing  # type: ignore[method-assign]
        transport.set_protocol(self)

    def data_received(self, data: bytes) -> None:
        """Show, and pass on."""
        if self.copying is not None:
            self.copying.see(data)
        self._read(data)


class CopyingConnection(asyncpg.Connection):
    """A connection whose COPY loses no rows in silence."""

    _wire: Wire | None = None
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
        """Return the rows that the driver holds, and leave it none, which it then does not hand over."""
        for held in gc.get_referents(self._protocol):
            if type(held) is bytearray:  # it refers to no other
                rows: Any = held[:]  # bytes to the driver's stubs, as are the chunks that it hands over
                held.clear()
                return rows  # type: ignore[no-any-return]
        return b""


def driver_of(connection: Connection) -> CopyingConnection:
    """Return the connection itself that a pool has lent.

    Raises:
        asyncpg.InterfaceError: it is lost, and the pool has taken it back.
    """
    driver: Any = connection
    lent: CopyingConnection | None = getattr(driver, "_con", driver)
    if lent is None or lent.is_closed():
        raise asyncpg.InterfaceError("the connection was lost before the COPY")
    return lent
