"""A client's connection while bodies run on it."""

import select
import socket
import struct
from contextlib import suppress

from exporter.limits.sockets import Ends, are_ends
from exporter.limits.user_timeout import set_user_timeout

_RESET = struct.pack("ii", 1, 0)
_END = struct.pack("ii", 0, 0)
_ACKNOWLEDGED = struct.Struct("120xQ")
"""`tcpi_bytes_acked` of Linux' `struct tcp_info` (linux/tcp.h)."""
_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"
"""An alert (RFC 8446, section 6: fatal, internal_error) in plain text, which is an error wherever TLS has its keys."""


class Connection:
    """A copy of a client's socket. While it is held, nobody else's closing of the socket takes effect."""

    def __init__(self, ends: Ends, found: socket.socket) -> None:
        """Have the connection reset when its last descriptor is closed."""
        self.ends = ends
        self.bodies = 0
        """Those that run, the stuck ones among them."""
        self.stuck = 0
        """Bodies that were given up, and of which the web server still keeps what the client does not take."""
        self.unread = 0
        """Bytes that are kept for bodies that run."""
        self.owed = 0
        """Bytes of bodies that have ended, while the kernel had no room for them."""
        self.held = True
        """False once it was released or reset."""
        self.ended = float("-inf")
        """The event loop's time at which a body last ended well."""
        self._socket = found
        self._writable = select.poll()
        self._writable.register(found, select.POLLOUT)
        self._idle = False
        self._linger(_RESET)

    def is_open(self) -> bool:
        """Return whether its ends are still its own; the client may have come back by another connection."""
        return are_ends(self._socket, self.ends)

    def begin(self) -> None:
        """Count a body that begins."""
        self.bodies += 1
        self._idle = False

    def acknowledged(self) -> int | None:
        """Return how many bytes the client's system has taken so far; None where this one does not count (Linux does).

        What else keeps the client's own pace is seen in large steps only.
        """
        with suppress(OSError, AttributeError, struct.error):
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
            (count,) = _ACKNOWLEDGED.unpack(info)
            return int(count)
        return None

    def has_room(self) -> bool:
        """Return whether the kernel would take something to send."""
        return bool(self._writable.poll(0))

    def has_been_idle(self) -> bool:
        """Return whether there was room in the kernel both now and the last time.

        The web server holds more than a megabyte of a slow reader's body, and writes as soon as it can: so there is
        nothing left with it.
        """
        before, self._idle = self._idle, self.has_room()
        return before and self._idle

    def release(self) -> None:
        """Let it end as it likes: all of its bodies are with the kernel."""
        self._linger(_END)
        self._socket.close()

    def reset(self) -> None:
        """End it now: the web server, told that nothing more comes from the client, closes its descriptor."""
        with suppress(OSError):  # it has ended meanwhile
            self._socket.shutdown(socket.SHUT_RD)
        self._socket.close()

    def abort_tls(self) -> bool:
        """End it now as TLS reports: Python's `ssl` takes a reset for an end. Return False where there is no room."""
        try:
            self._socket.send(_ALERT, socket.MSG_DONTWAIT)
        except OSError:
            return False
        self._linger(_END)  # a reset might overtake the alert
        with suppress(OSError):  # as above
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        return True

    def set_user_timeout(self, seconds: float) -> None:
        """Have the kernel reset it unless it is read."""
        with suppress(OSError):  # as above
            set_user_timeout(self._socket, seconds)

    def _linger(self, how: bytes) -> None:
        with suppress(OSError):  # as above
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
