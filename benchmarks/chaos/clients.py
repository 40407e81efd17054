"""The soak's clients: each asks in one way, reads in one way, and judges what it got."""

import http.client
import random
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from benchmarks.chaos.content import EXTENSIONS, FAILING, NAMES, Expected
from benchmarks.chaos.fooled import fooled
from benchmarks.chaos.kills import Kills
from benchmarks.chaos.unread_answers import unread

_TIMEOUT = 60.0
_PIECE = 1 << 18
_LOST = (OSError, http.client.HTTPException)
_TEMPORARY = (429, 503)


@dataclass(slots=True)
class Tally:
    """What the clients saw; `wrong` says what must not be."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, outcome: str, wrong: str | None = None) -> None:
        """Count an outcome, and remember what is wrong with it."""
        with self.lock:
            self.outcomes[outcome] += 1
            if wrong is not None:
                self.wrong.append(wrong)


@dataclass(slots=True)
class Clients:
    """Asks the service in all ways, any number of threads at once."""

    port: int
    expected: Expected
    kills: Kills
    tally: Tally = field(default_factory=Tally)

    def run(self, seed: int, over: threading.Event) -> None:
        """Ask until it is over."""
        dice = random.Random(seed)
        while not over.is_set():
            (way,) = dice.choices(list(_WAYS), weights=list(_WAYS.values()))
            way(self, dice)

    def every_way(self) -> None:
        """Ask once for each dataset in each format, whole."""
        for name in NAMES:
            for extension in EXTENSIONS:
                self.export(name, extension)

    def whole(self, dice: random.Random) -> None:
        """Read as fast as can be."""
        self.export(_dataset(dice), dice.choice(EXTENSIONS))

    def compressed(self, dice: random.Random) -> None:
        """Read a gzipped transfer."""
        self.export(_dataset(dice), dice.choice(("csv", "ndjson")), coding="gzip")

    def slow(self, dice: random.Random) -> None:
        """Read, and rest now and then."""
        self.export(dice.choice(("medium", "large")), dice.choice(EXTENSIONS), rest=0.02)

    def leaving(self, dice: random.Random) -> None:
        """Leave after some of the body."""
        with closing(self._connected()) as connection:
            try:
                connection.request("GET", f"/datasets/large.{dice.choice(EXTENSIONS)}")
                connection.getresponse().read(dice.randrange(1, 4_000_000))
            except _LOST:
                pass
        self.tally.count("left")

    def mistaken(self, dice: random.Random) -> None:
        """Ask for what there is not; the answer is the caller's fault, by name."""
        path, status = dice.choice(_MISTAKES)
        began = time.monotonic()
        with closing(self._connected()) as connection:
            try:
                connection.request("GET", path)
                found = connection.getresponse()
                found.read()
            except _LOST as error:
                self.lost(path, began, error)
                return
        expected = found.status == status or found.status in _TEMPORARY
        self.tally.count("refused", None if expected else f"{path}: {found.status}, not {status}")

    def failing(self, dice: random.Random) -> None:
        """Ask for what fails after its first rows; the body must not look whole."""
        path = f"/datasets/{dice.choice(list(FAILING))}.{dice.choice(EXTENSIONS)}"
        try:
            with closing(self._connected()) as connection:
                connection.request("GET", path)
                found = connection.getresponse()
                body = found.read()
        except _LOST:
            self.tally.count("failed visibly")
            return
        whole = f"{path} looks whole: {found.status}, {len(body):,} bytes, the last {body[-100:]!r}"
        refused = found.status in (*_TEMPORARY, http.client.CONFLICT)
        self.tally.count("refused", None if refused else whole)

    def export(self, name: str, extension: str, *, coding: str = "identity", rest: float = 0) -> None:
        """Ask for a dataset, read it, and compare a body that claims to be whole with what it should be."""
        path, began = f"/datasets/{name}.{extension}", time.monotonic()
        with closing(self._connected()) as connection:
            try:
                connection.request("GET", path, headers={"Accept-Encoding": coding})
                found = connection.getresponse()
                body = _read(found, rest)
            except _LOST as error:
                self.lost(path, began, error)
                return
        packed = found.getheader("content-encoding") == "gzip"
        self.judge(name, extension, found.status, zlib.decompress(body, wbits=31) if packed else body)

    def judge(self, name: str, extension: str, status: int, body: bytes) -> None:
        """Count an answer that a client took for whole, and what is wrong with it."""
        path = f"/datasets/{name}.{extension}"
        if status in _TEMPORARY:
            self.tally.count("busy or away")
        elif status != http.client.OK:
            self.tally.count("unexpected", f"{path}: {status} {body[:300]!r}")
        else:
            right = self.expected.holds(name, extension, body)
            self.tally.count("whole", None if right else f"{path}: {len(body)} bytes that are not the dataset's")

    def lost(self, path: str, began: float, error: Exception) -> None:
        """Count an answer that a client saw was cut; something must have been killed."""
        explained = self.kills.any_between(began, time.monotonic())
        self.tally.count("cut visibly", None if explained else f"{path}: {error!r}, and nothing was killed")

    def _connected(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=_TIMEOUT)


def _read(found: http.client.HTTPResponse, rest: float) -> bytes:
    pieces = []
    while piece := found.read(_PIECE):
        pieces.append(piece)
        if rest:
            time.sleep(rest)
    return b"".join(pieces)


def _dataset(dice: random.Random) -> str:
    return dice.choices(NAMES, weights=(6, 3, 1, 1))[0]


_MISTAKES = (
    ("/datasets/absent.csv", 404),
    ("/datasets/small.xlsx", 404),
    ("/datasets/small.csv?unknown=1", 422),
    ("/datasets/small.csv?_limit=-1", 422),
    ("/datasets/small.csv?_columns=%ff", 400),
    ("/nothing", 404),
)
_WAYS: dict[Callable[[Clients, random.Random], None], int] = {
    Clients.whole: 8,
    Clients.compressed: 2,
    Clients.slow: 2,
    Clients.leaving: 3,
    Clients.mistaken: 4,
    Clients.failing: 1,
    fooled: 4,
    unread: 1,
}
