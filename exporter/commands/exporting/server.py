"""A running service, asked over HTTP/1.1 with nothing but the standard library."""

import asyncio
import http.client
import json
import os
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, urlsplit

from exporter.commands.exits import Exit, Stopped
from exporter.exports.to_the_end import to_the_end
from exporter.http.client_address import is_loopback
from exporter.private_file import OTHERS, exposure
from exporter.problems import Fault, Problem, ProblemType

T = TypeVar("T")

_CONNECTING_SECONDS = 10
_PROBLEMS = {problem.urn: problem for problem in ProblemType}
_STATUSES = {
    401: ProblemType.UNAUTHENTICATED,
    403: ProblemType.PERMISSION_DENIED,
    404: ProblemType.NOT_FOUND,
    429: ProblemType.TOO_MANY_REQUESTS,
}
"""What an answer means that is not the service's own, but of a proxy in front of it."""
_MOST_PROBLEM = 2**20
"""Bytes of a problem document that are read."""


@dataclass(frozen=True, slots=True)
class Server:
    """The service, and who asks it."""

    url: SplitResult
    token: str | None

    def path(self, rest: str) -> str:
        """Return a path below the service's own, which begins with a slash."""
        return self.url.path.rstrip("/") + rest

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection that is not open yet."""
        host, port = self.url.hostname or "", self.url.port
        if self.url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=_CONNECTING_SECONDS)
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=_CONNECTING_SECONDS, context=context)


def server_at(url: str, key_file: Path | None) -> Server:
    """Read the URL of a service and the file with the token for it.

    Raises:
        Stopped: one of them is wrong, or the token would be sent for everybody to read.
    """
    parts = urlsplit(url)
    try:
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        wrong = True
    if wrong or parts.query or parts.fragment or parts.username is not None:
        raise Stopped(Exit.USAGE, "--server: expected a URL such as https://exports.example.com, without credentials")
    token = None if key_file is None else _token(key_file)
    if token and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise Stopped(Exit.USAGE, "--server: over http:// everybody on the way could read the key: use https://")
    return Server(parts, token)


def _token(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            exposed = exposure(path, os.fstat(stream.fileno()), OTHERS)
            token = stream.read().decode("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not ASCII"
        raise Stopped(Exit.USAGE, f"--key-file: {path}: {reason}") from error
    if exposed:
        raise Stopped(Exit.USAGE, f"--key-file: {exposed}")
    if not token or not token.isprintable() or " " in token:
        raise Stopped(Exit.USAGE, f"--key-file: {path}: expected one token, which `exporter keys create` prints")
    return token


class Exchange:
    """One request and its response. Its thread does what blocks, and `close` has it stop."""

    def __init__(self, asked: Server) -> None:
        """Take whom to ask; nothing happens yet."""
        self._asked = asked
        self._connection = asked.connection()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="http")
        self._socket: socket.socket | None = None
        self._response: http.client.HTTPResponse | None = None

    async def get(self, path: str) -> http.client.HTTPResponse:
        """Send a GET request and return the response with its head, which is a success.

        Raises:
            Problem: it is another one, or there is none.
        """
        try:
            response = await self._do(self._get, path)
        except ssl.SSLCertVerificationError as error:
            detail = f"{error.verify_message}; SSL_CERT_FILE names other authorities."
            raise Problem(ProblemType.UNAUTHENTICATED, f"The server's certificate is not valid: {detail}") from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise Problem(ProblemType.NOT_READY, f"{self._asked.url.netloc} does not answer: {reason}.") from error
        if response.status != http.client.OK:
            raise _problem(response.status, await self._do(response.read, _MOST_PROBLEM))
        return response

    async def read(self, response: http.client.HTTPResponse, most: int) -> bytes:
        """Return the next bytes of the body, or nothing at its end.

        Raises:
            Problem: it was cut.
        """
        try:
            part = await self._do(response.read1, most)
        except (OSError, http.client.HTTPException) as error:
            raise _cut() from error
        if not part and response.length:
            raise _cut()
        return part

    async def close(self) -> None:
        """End the exchange, whatever it is at. One that is still connecting ends by itself."""
        if self._socket is not None:
            with suppress(OSError):  # which the other side has closed
                self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
            await to_the_end(self._do(self._close))
        self._thread.shutdown(wait=False)

    def _close(self) -> None:
        if self._response is not None:
            self._response.close()
        self._connection.close()

    def _get(self, path: str) -> http.client.HTTPResponse:
        self._connection.connect()
        self._socket = self._connection.sock
        # A query may compute for long before its first row; that nobody is there any more is the kernel's to find out.
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        headers = {"Authorization": f"Bearer {self._asked.token}"} if self._asked.token else {}
        self._connection.request("GET", path, headers=headers)
        self._response = self._connection.getresponse()
        return self._response

    async def _do(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments)


def _cut() -> Problem:
    return Problem(ProblemType.INTERNAL_ERROR, "The response was cut off; the service's log has the reason.")


def _problem(status: int, body: bytes) -> Problem:
    """Return the problem in an unsuccessful response."""
    try:
        told = json.loads(body)
        known = _PROBLEMS[told["type"]]
        faults = [_fault(fault["parameter"], fault["detail"]) for fault in told.get("errors", [])]
        return Problem(known, told["detail"], faults=faults)
    except (ValueError, KeyError, TypeError):
        kind = _STATUSES.get(status, ProblemType.NOT_READY)
        return Problem(
            kind, f"The server answers {status} {http.client.responses.get(status, '')}, and not as expected."
        )


def _fault(parameter: str, detail: str) -> Fault:
    return Fault(parameter.removeprefix("_"), detail, is_option=parameter.startswith("_"))
