"""What the service and its server log, and how: one line an event, on stderr."""

import logging
from typing import Any


class NoAborts(logging.Filter):
    """Drops the server's traceback of an aborted body: whoever aborted it has logged why."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record."""
        return "\nAborted: " not in record.getMessage()


def configuration(level: str) -> dict[str, Any]:
    """Return the configuration for `logging.config`, in the shape that Granian hands to its workers."""
    return {
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "filters": {"no_aborts": {"()": NoAborts}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["no_aborts"]}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            "_granian": {"level": level},
            # At INFO it puts a second line beside ours, and it answers errors with their text.
            "velithon.middleware.logging": {"level": "CRITICAL"},
        },
    }
