"""How limits end exports. Their texts are for the log, and hold nothing that a caller must not see."""

from typing import ClassVar


class LimitReached(Exception):
    """An export was ended by a limit."""

    outcome: ClassVar[str]
    """How the log names such an end."""


class Exceeded(LimitReached):
    """The export is larger, or takes longer, than it may."""

    outcome = "limited"

    def __init__(self, sentence: str) -> None:
        """Take what the caller is told as well, such as `It has more than 10 rows (max_rows).`."""
        super().__init__(sentence)


class Unread(LimitReached):
    """The client does not take what it asked for."""

    outcome = "stalled"


class GaveWay(Unread):
    """The client took nothing, and another export waited for the place or the connection."""

    outcome = "displaced"
