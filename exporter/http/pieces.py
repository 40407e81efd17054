"""Bodies in the pieces that the web server is handed, one message for each."""

from collections.abc import Iterator

_UNREAD = 5
"""Messages that Granian takes of a body of which the client reads nothing: those of its queue, and one ahead of it."""
_PROBE_BYTES = 4096


def pieces(body: bytes, size: int, start: int = 0) -> Iterator[bytes]:
    """Yield a body from `start` on, `size` bytes at a time."""
    for at in range(start, len(body), size):
        yield body[at : at + size]


def probing(body: bytes, size: int) -> Iterator[bytes]:
    """Yield a body's pieces, the first so small and so many that the last of them waits for a client that reads.

    HTTP/2 lets a client take nothing of a body (RFC 9113, section 6.9) while its connection is alive. Without this the
    web server would take a short body as a whole, and nobody would know that it keeps it.
    """
    probe = max(1, min(_PROBE_BYTES, len(body) // (_UNREAD + 1)))
    begun = probe * (_UNREAD + 1)
    yield from pieces(body[:begun], probe)
    yield from pieces(body, size, begun)
