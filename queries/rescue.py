"""The driver's connection, kept from dropping rows when the server says something in the middle of a COPY."""

import asyncio
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import asyncpg

Rescue: TypeAlias = Callable[[bytes, asyncio.ReadTransport], None]


class RescuingConnection(asyncpg.Connection):
    """A connection whose COPY loses no rows around a NOTICE, WARNING or INFO.

    The driver gathers the rows that it has received, and forgets them when such a message comes before the next row
    (https://github.com/MagicStack/asyncpg/issues/1264). `client_min_messages` cannot prevent that: INFO is always sent,
    and a function may set it back. So the rows are taken out of the driver's hands when it tells of a message.
    """

    _rescue: Rescue | None = None
    # What the stubs do not show.
    _protocol: Any
    _transport: asyncio.ReadTransport

    @contextmanager
    def rescuing(self, rescue: Rescue) -> Iterator[None]:
        """Have `rescue` take the rows that a message would cost, in their place among those of the COPY.

        It is called with whole rows, and what they were read from, while the driver receives: it must not wait.
        """
        self._rescue = rescue
        try:
            yield
        finally:
            self._rescue = None

    def _process_log_message(self, fields: Any, last_query: Any) -> None:
        if self._rescue is not None and (rows := self._taken()):
            self._rescue(rows, self._transport)
        super()._process_log_message(fields, last_query)  # type: ignore[misc]

    def _taken(self) -> bytes:
        """Return the rows that the driver holds, and leave it none, which it then does not hand over."""
        for held in gc.get_referents(self._protocol):
            if type(held) is bytearray:  # it refers to no other
                rows = bytes(held)
                held.clear()
                return rows
        return b""
