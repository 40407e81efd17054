"""Clients that send bytes, be they HTTP or not."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from tests.acceptance.service import Service

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes.fromhex("000000040000000000")


@contextmanager
def connections(service: Service, count: int, said: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open connections, and send the same on each."""
    address = urlsplit(service.url)
    with ExitStack() as stack:
        opened = []
        for _ in range(count):
            end = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=20))
            end.sendall(said)
            opened.append(end)
        yield opened


def answered(service: Service, request: bytes) -> bytes:
    """Send bytes and return all that comes back; a server that closes without an answer gives none."""
    address = urlsplit(service.url)
    answer = bytearray()
    with socket.create_connection((address.hostname, address.port or 0), timeout=20) as connection:
        try:
            connection.sendall(request)
            while chunk := connection.recv(65_536):
                answer += chunk
        except ConnectionError:
            pass
    return bytes(answer)
