"""A client's connection while bodies are sent on it."""

import select
import socket
import struct
from contextlib import suppress

from exporter.limits.sockets import Ends, are_ends
from exporter.limits.user_timeout import set_user_timeout

_RESET = struct.pack("ii", 1, 0)
_END = struct.pack("ii", 0, 0)
_ACKNOWLEDGED = struct.Struct("120xQ")
"""`tcpi_bytes_acked` in Linux's `struct tcp_info` (linux/tcp.h)."""
_ALERT = b"\x15\x03\x03\x00\x02\x02\x50"
"""A fatal internal_error alert (RFC 8446, section 6) in plaintext, which is an error once TLS has its keys."""


class Connection:
    """A duplicate of a client's socket. While it is held, closing other descriptors does not close the socket."""

    def __init__(self, ends: Ends, found: socket.socket) -> None:
        """Make the kernel reset the connection when its last descriptor is closed."""
        self.ends = ends
        self.bodies = 0
        """Bodies being sent, including the stuck ones."""
        self.stuck = 0
        """Aborted bodies of which the web server still keeps data that the client does not read."""
        self.unread = 0
        """Bytes kept for bodies being sent."""
        self.owed = 0
        """Bytes of bodies that ended while the kernel's buffer was full."""
        self.held = True
        """False once the connection was released or reset."""
        self.ended = float("-inf")
        """The event loop's time when a body last ended normally."""
        self._socket = found
        self._writable = select.poll()
        self._writable.register(found, select.POLLOUT)
        self._idle = False
        self._linger(_RESET)

    def is_open(self) -> bool:
        """Return whether its ends are still the same; the client may have reconnected."""
        return are_ends(self._socket, self.ends)

    def begin(self) -> None:
        """Count a new body."""
        self.bodies += 1
        self._idle = False

    def acknowledged(self) -> int | None:
        """Return how many bytes the client's system has acknowledged; None if this system does not count (Linux does).

        Other signs of the client's pace are visible only in large steps.
        """
        with suppress(OSError, AttributeError, struct.error):
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _ACKNOWLEDGED.size)
            (count,) = _ACKNOWLEDGED.unpack(info)
            return int(count)
        return None

    def has_room(self) -> bool:
        """Return whether the kernel's send buffer has space."""
        return bool(self._writable.poll(0))

    def has_been_idle(self) -> bool:
        """Return whether the kernel's send buffer had space both now and at the last call.

        The web server may hold more than a megabyte for a slow reader, but writes as soon as it can. So it has nothing
        left.
        """
        before, self._idle = self._idle, self.has_room()
        return before and self._idle

    def release(self) -> None:
        """Stop holding the connection: the kernel has all of its bodies."""
        self._linger(_END)
        self._socket.close()

    def reset(self) -> None:
        """Reset it now: the web server sees the end of the client's data and closes its descriptor."""
        with suppress(OSError):  # it has ended in the meantime
            self._socket.shutdown(socket.SHUT_RD)
        self._socket.close()

    def abort_tls(self) -> bool:
        """End it now with a TLS error, because Python's `ssl` takes a reset for an end; False if the buffer is full."""
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
        """Make the kernel reset it if nothing is read for so many seconds."""
        with suppress(OSError):  # as above
            set_user_timeout(self._socket, seconds)

    def _linger(self, how: bytes) -> None:
        with suppress(OSError):  # as above
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, how)
