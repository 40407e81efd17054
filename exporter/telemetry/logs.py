"""The log of the service and its server: one line per event, on stderr, which no value can end or forge."""

import json
import logging
import re
from collections.abc import Mapping
from copy import copy
from datetime import UTC, datetime
from typing import Any, Literal

import orjson

from exporter.telemetry.failing import frames
from exporter.telemetry.stderr import Handler
from exporter.tracebacks import trace

LogFormat = Literal["console", "json"]

_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0)) if chr(code) not in "\t\n"} | {
    code: f"\\u{code:04x}" for code in (0x2028, 0x2029, *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}
"""Characters that move a terminal's cursor, end a line for some readers, or change the writing direction."""

_JSON_CONTROLS = {code: f"\\u{code:04x}" for code in _CONTROLS if code > 0x7F}  # noqa: PLR2004 - ASCII's last

_PLAIN = re.compile(r"[\w.:/+*@-]+", re.ASCII)


class WithoutExceptionText(logging.Filter):
    """Removes exception messages from the server's tracebacks; the formatters do so for all others."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return True; reduce a traceback of the server to its first line and the frames."""
        if record.name.startswith("_granian") and "\nTraceback" in (message := record.getMessage()):
            record.msg, record.args = frames(message), ()
        return True


class NoAborts(logging.Filter):
    """Drops the server's traceback of an aborted body, because the reason has already been logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log the record."""
        return not record.name.startswith("_granian") or "\nAborted: " not in record.getMessage()


class ConsoleFormatter(logging.Formatter):
    """Formats a line for people: time, level, logger, message, and the record's fields as `name=value`.

    Further lines, such as those of a traceback, are indented, so that only the first line of a record begins with a
    time.
    """

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Return the first line."""
        fields = "".join(f" {name}={_console(value)}" for name, value in _fields(record).items())
        return super().formatMessage(record) + fields

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's own name
        """Return the traceback of an exception, without its message."""
        return trace(ei[1])

    def format(self, record: logging.LogRecord) -> str:
        """Return the whole text."""
        if record.exc_info:  # another handler may have stored the exception with its message
            record = copy(record)
            record.exc_text = None
        return super().format(record).translate(_CONTROLS).replace("\n", "\n    ")


class JsonFormatter(logging.Formatter):
    """Formats each record as a JSON object on one line, with the record's fields beside `time` and `message`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        document = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info and record.exc_info[1]:
            document["exception"] = trace(record.exc_info[1])
        return dumps(document).decode()


def dumps(document: Mapping[str, Any]) -> bytes:
    """Return a document as JSON on one line."""
    try:
        line = orjson.dumps(document)
    except TypeError:  # half of a surrogate pair, which is not UTF-8
        return json.dumps(document, default=str).encode()
    # JSON allows these characters, but some readers take them for the end of a line.
    return line if line.isascii() else line.decode().translate(_JSON_CONTROLS).encode()


def configuration(level: str, log_format: LogFormat = "console") -> dict[str, Any]:
    """Return the configuration for `logging.config`, in the form that Granian passes to its workers."""
    formatter = JsonFormatter if log_format == "json" else ConsoleFormatter
    return {
        "formatters": {"line": {"()": formatter}},
        "filters": {"no_aborts": {"()": NoAborts}, "redacted": {"()": WithoutExceptionText}},
        "handlers": {"stderr": {"()": Handler, "formatter": "line", "filters": ["no_aborts", "redacted"]}},
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {
            "_granian": {"level": level},
            # At INFO it logs each disconnect several times, which the export's line also shows.
            "_granian.asgi.io": {"level": "WARNING" if level == "INFO" else level},
            # At INFO it logs a second line per request, and errors with their messages.
            "velithon.middleware.logging": {"level": "CRITICAL"},
        },
    }


def _fields(record: logging.LogRecord) -> Mapping[str, Any]:
    """Return the fields of a record (`extra={"fields": …}`)."""
    return getattr(record, "fields", {})


def _console(value: object) -> str:
    text = value if isinstance(value, str) else f"{value:.3f}" if isinstance(value, float) else repr(value)
    return text if not isinstance(value, str) or _PLAIN.fullmatch(text) else repr(text)
