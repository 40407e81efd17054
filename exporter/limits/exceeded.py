"""How limits end exports. Their texts are for the log, and hold nothing that a caller must not see."""

from typing import ClassVar


class LimitReached(Exception):
    """An export was ended by a limit."""

    outcome: ClassVar[str]
    """How the log names such an end."""


class Exceeded(LimitReached):
    """The export is larger, or takes longer, than it may."""

    outcome = "limited"

    def __init__(self, limit: str) -> None:
        """Take what the export has more than, such as `10 rows (max_rows)`."""
        super().__init__(f"more than {limit}")


class Unread(LimitReached):
    """The client does not take what it asked for."""

    outcome = "stalled"
