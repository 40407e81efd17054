"""HTTP/2 clients that keep their connection alive and read nothing of their responses."""

import random
import socket
import time
from contextlib import closing
from typing import TYPE_CHECKING

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived
from h2.settings import SettingCodes, Settings

from benchmarks.chaos.content import EXTENSIONS, NAMES

if TYPE_CHECKING:
    from benchmarks.chaos.clients import Clients

_WHOLE = ("/", "/datasets", "/openapi.json", "/healthz", "/readyz", "/nothing", "/datasets/small.csv?unknown=1")
_TIMES = 12
_MOST_SECONDS = 5.0


def unread(clients: "Clients", dice: random.Random) -> None:
    """Ask for whole answers, many times, and for one export, and leave after a while if the service does not."""
    export = f"/datasets/{dice.choice(NAMES)}.{dice.choice(EXTENSIONS)}"
    try:
        with closing(socket.create_connection(("127.0.0.1", clients.port))) as connection:
            wrong = _taken(connection, [*_WHOLE * _TIMES, export], dice.uniform(0, _MOST_SECONDS))
    except OSError:  # its worker was killed, or the service had enough of it
        wrong = None
    clients.tally.count("unread", wrong)


def _taken(connection: socket.socket, paths: list[str], seconds: float) -> str | None:
    """Return what is wrong with what came within so many seconds: nothing may, but heads."""
    protocol, until = H2Connection(H2Configuration(client_side=True)), time.monotonic() + seconds
    protocol.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: 0})
    protocol.initiate_connection()
    for path in paths:
        head = [(":method", "GET"), (":path", path), (":scheme", "http"), (":authority", "localhost")]
        protocol.send_headers(protocol.get_next_available_stream_id(), head, end_stream=True)
    while (left := until - time.monotonic()) > 0:
        connection.sendall(protocol.data_to_send())
        connection.settimeout(left)
        received = connection.recv(1 << 16)
        if any(isinstance(event, DataReceived) for event in protocol.receive_data(received)):
            return "a client of HTTP/2 was sent what it had no window for"
        if not received:
            break
    return None
