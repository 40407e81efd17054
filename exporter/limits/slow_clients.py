"""Why responses are aborted that their clients do not read. The messages are for the log."""

from typing import ClassVar


class SlowClient(Exception):
    """The client does not read its response, or reads it too slowly."""

    outcome: ClassVar[str] = "stalled"


class Displaced(SlowClient):
    """The client read nothing while another export was waiting for its place or connection."""

    outcome = "displaced"
