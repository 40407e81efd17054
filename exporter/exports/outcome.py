"""How an export ended."""

from dataclasses import dataclass

from exporter.problems import Problem
from exporter.tracebacks import trace
from queries.errors import ArgumentRejected, PoolBusy, QueryError
from queries.unrepresentable import Unrepresentable


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an export ended, and why."""

    name: str
    """succeeded, refused (before anything was read), failed, disconnected (the reader left early), or how a limit ended
    it."""
    kind: str = ""
    """What ended it, from a small set of words; empty after success."""
    reason: str = ""
    """The detailed reason, for the log. It may contain SQL, but no values of rows or arguments."""
    sqlstate: str | None = None
    traceback: str = ""
    """The traceback of an unexpected failure, without its message."""


SUCCEEDED = Outcome("succeeded")
DISCONNECTED = Outcome("disconnected", "disconnected")


def outcome_of(error: BaseException) -> Outcome:
    """Return the outcome of an export that raised an exception, which may name its own in `outcome`."""
    named: str | None = getattr(error, "outcome", None)
    if named == DISCONNECTED.name or not isinstance(error, Exception):  # a cancellation
        return DISCONNECTED
    kind, reason = type(error).__name__, f"{type(error).__name__}: {error}"
    if named is not None:
        return Outcome(named, named, reason)
    match error:
        case Problem():
            return Outcome("refused", error.type.slug, error.type.slug)
        case QueryError():
            refused = isinstance(error, ArgumentRejected | PoolBusy)
            return Outcome("refused" if refused else "failed", kind, reason, error.sqlstate)
        case Unrepresentable():
            return Outcome("failed", kind, reason)
        case _:
            return Outcome("failed", "unexpected", kind, traceback=trace(error))
