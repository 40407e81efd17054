"""Why answers are given up that their clients do not take. The texts are for the log."""

from typing import ClassVar


class SlowClient(Exception):
    """The client does not take what it asked for."""

    outcome: ClassVar[str] = "stalled"


class Displaced(SlowClient):
    """The client took nothing, and another export waited for the place or the connection."""

    outcome = "displaced"
