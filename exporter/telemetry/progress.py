"""How far an export has come."""

from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """What is found out while an export runs: written by those who do the work, read when it is over."""

    rows: int = 0
    """Rows written; of CSV, which is not taken apart, known only at the end."""
    waited: float = 0.0
    """Seconds until it had its place and its first connection."""
    connections: int = 0
    """Connections that it has read with."""
    comment: str = ""
    """A SQL comment for its statements, which says what they belong to."""
