"""A client of HTTP/2 that takes of each body exactly as much as it is told to."""

import select
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset
from h2.settings import SettingCodes, Settings

from tests.acceptance.service import PATIENCE


class Http2:
    """One connection; its streams begin with a window of `window` bytes, and its own window is wide open."""

    def __init__(self, connected: socket.socket, url: str, window: int) -> None:
        self.socket = connected
        self.authority = urlsplit(url).netloc
        self.protocol = H2Connection(H2Configuration(client_side=True, validate_outbound_headers=False))
        self.protocol.local_settings = Settings(initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window})
        self.protocol.initiate_connection()
        self.protocol.increment_flow_control_window(2**30)
        self.statuses: dict[int, int] = {}
        self.bodies: defaultdict[int, bytes] = defaultdict(bytes)
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self.settled = False
        self.gone = False
        """Whether the service has ended the connection."""
        self._send()
        self.until(lambda: self.settled)

    def ask(self, path: str, *headers: tuple[str, str], method: str = "GET") -> int:
        """Send a request, and return its stream."""
        stream = self.protocol.get_next_available_stream_id()
        pseudo = [(":method", method), (":path", path), (":scheme", "http"), (":authority", self.authority)]
        self.protocol.send_headers(stream, [*pseudo, *headers], end_stream=True)
        self._send()
        return stream

    def take(self, stream: int, size: int) -> None:
        """Let the service send so much more of a body."""
        self.protocol.increment_flow_control_window(size, stream)
        self._send()

    def leave(self, stream: int) -> None:
        """Reset a stream."""
        self.protocol.reset_stream(stream)
        self._send()

    def until(self, found: Callable[[], object], *, within: float = PATIENCE) -> None:
        """Take what comes until something is found, or the service has ended the connection."""
        deadline = time.monotonic() + within
        while not self.gone and not found():
            assert time.monotonic() < deadline, f"not within {within} s"
            if select.select([self.socket], [], [], 0.05)[0]:
                self._receive()

    def _receive(self) -> None:
        try:
            received = self.socket.recv(1 << 16)
        except ConnectionError:
            received = b""
        self.gone = not received
        for event in self.protocol.receive_data(received) if received else ():
            match event:
                case RemoteSettingsChanged():
                    self.settled = True
                case ResponseReceived(stream_id=int(stream), headers=[*headers]):
                    self.statuses[stream] = int(dict(headers)[b":status"])
                case DataReceived(stream_id=int(stream), data=bytes(data)):
                    self.bodies[stream] += data
                case StreamEnded(stream_id=int(stream)):
                    self.ended.add(stream)
                case StreamReset(stream_id=int(stream)):
                    self.reset.add(stream)
        if not self.gone:
            self._send()

    def _send(self) -> None:
        try:
            self.socket.sendall(self.protocol.data_to_send())
        except ConnectionError:
            self.gone = True


@contextmanager
def http2(url: str, window: int = 0) -> Iterator[Http2]:
    """Connect to a service; without a window its answers are not read."""
    address = urlsplit(url)
    with closing(socket.create_connection((address.hostname, address.port))) as connected:
        yield Http2(connected, url, window)
