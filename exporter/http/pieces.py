"""Splits bodies into the pieces that are handed to the web server, one message each."""

from collections.abc import Iterator

_UNREAD = 5
"""Messages that Granian accepts of a body that the client does not read: its queue, and one ahead."""
_PROBE_BYTES = 4096


def pieces(body: bytes, size: int, start: int = 0) -> Iterator[bytes]:
    """Yield a body from `start`, `size` bytes at a time."""
    for at in range(start, len(body), size):
        yield body[at : at + size]


def probing(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body's pieces, first so many small ones that sending the last of them waits until the client reads.

    With HTTP/2, a client may read nothing of a body (RFC 9113, section 6.9) while its connection is alive. Without the
    small pieces, the web server would accept a short body as a whole and keep it unnoticed.
    """
    probe = max(1, min(_PROBE_BYTES, len(body) // (_UNREAD + 1)))
    begun = probe * (_UNREAD + 1)
    yield from pieces(body[:begun], probe)
    yield from pieces(body, size, begun)
