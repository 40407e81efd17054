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

from queries.connection import Connection, driver_of

Rescue: TypeAlias = Callable[[bytes, asyncio.ReadTransport], None]

_HEAD = 5
"""Bytes of a message's kind and length (https://www.postgresql.org/docs/current/protocol-message-formats.html)."""
_NEXT_ROW = b"\nd\0"
"""A row's end and the start of the next row's message, if that is shorter than 16 MiB; rows contain no zero byte."""


class Copying:
    """What comes over the wire while one COPY runs."""

    def __init__(self, rescue: Rescue) -> None:
        """See `copying`."""
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

    def __init__(self, driver: Any, copying: Copying) -> None:
        """`driver` is the driver's protocol, which still handles everything but received data."""
        self._read = driver.data_received
        self._copying = copying
        # Attributes instead of methods save a call.
        self.connection_lost = driver.connection_lost  # type: ignore[method-assign]
        self.pause_writing = driver.pause_writing  # type: ignore[method-assign]
        self.resume_writing = driver.resume_writing  # type: ignore[method-assign]

    def data_received(self, data: bytes) -> None:
        """Show the data to the COPY, then pass it on."""
        self._copying.see(data)
        self._read(data)


class _Listener:
    """Stands in for the connection that the driver's protocol tells of messages; all else is the connection's."""

    def __init__(self, connection: Any, copying: Copying) -> None:
        self._connection = connection
        self._copying = copying

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def _process_log_message(self, fields: dict[str, str], last_query: Any) -> None:
        copying, connection = self._copying, self._connection
        # A field is a letter and a text that ends with a zero byte; one more byte ends the message.
        copying.notices += _HEAD + sum(2 + len(text.encode()) for text in fields.values()) + 1
        if rows := _taken(connection._protocol):  # noqa: SLF001 - the driver does not show it
            copying.rescue(rows, connection._transport)  # noqa: SLF001
        connection._process_log_message(fields, last_query)  # noqa: SLF001


@contextmanager
def copying(connection: Connection, rescue: Rescue) -> Iterator[Copying]:
    """Watch one COPY, starting before it is sent; afterwards the connection is as it was.

    Args:
        connection: of any class; used by nobody else meanwhile.
        rescue: is called with whole rows that would be lost to a message, in their order within the COPY, and with the
            transport. It is called while the driver is receiving, so it must not block.

    Raises:
        asyncpg.InterfaceError: the connection was lost.
    """
    driver = driver_of(connection)
    protocol, transport = driver._protocol, driver._transport  # noqa: SLF001 - the driver does not show them
    watched = Copying(rescue)
    listener = _Listener(driver, watched)  # to which the protocol refers weakly
    protocol.set_connection(listener)
    transport.set_protocol(Wire(protocol, watched))
    try:
        yield watched
    finally:
        protocol.set_connection(driver)
        if not transport.is_closing():  # its end still goes to the driver
            transport.set_protocol(protocol)


def _taken(protocol: Any) -> bytes:
    """Take the rows that the driver holds, so that it does not hand them over itself."""
    for held in gc.get_referents(protocol):
        if type(held) is bytearray:  # it refers to no other
            rows: Any = held[:]  # bytes to the driver's stubs, as are the chunks that it hands over
            held.clear()
            return rows  # type: ignore[no-any-return]
    return b""
