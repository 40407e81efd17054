"""How `exporter export` ends: one exit code for each class of failure, for scripts; docs/command-line.md lists them."""

from collections.abc import Mapping
from enum import IntEnum

from exporter.problems import Problem, ProblemType


class Exit(IntEnum):
    """An exit code."""

    UNEXPECTED = 1
    """Also of settings and dataset files that are wrong, as of every command."""
    USAGE = 2
    UNKNOWN = 3
    """There is no such dataset or format."""
    INVALID = 4
    """A parameter or an option is wrong, or the format cannot hold the columns."""
    REFUSED = 5
    """By credentials, permissions or a limit."""
    UNAVAILABLE = 6
    """The database or the service is away or busy: trying again later may help."""
    FAILED = 7
    """The export failed; after its first byte whatever the reason."""
    NOT_WRITTEN = 8
    INTERRUPTED = 130
    """By Ctrl-C (128 and the number of SIGINT, as shells count) or SIGTERM."""


_CODES: Mapping[Exit, tuple[ProblemType, ...]] = {
    Exit.UNEXPECTED: (ProblemType.INTERNAL_ERROR,),
    Exit.UNKNOWN: (ProblemType.NOT_FOUND, ProblemType.UNKNOWN_DATASET, ProblemType.UNKNOWN_FORMAT),
    Exit.INVALID: (
        ProblemType.INVALID_PARAMETERS,
        ProblemType.MALFORMED_QUERY_STRING,
        ProblemType.DUPLICATE_COLUMNS,
        ProblemType.NOT_ACCEPTABLE,
    ),
    Exit.REFUSED: (
        ProblemType.UNAUTHENTICATED,
        ProblemType.LOOPBACK_ONLY,
        ProblemType.CROSS_SITE,
        ProblemType.SIGNED_URL_REFUSED,
        ProblemType.PERMISSION_DENIED,
        ProblemType.TOO_MANY_ATTEMPTS,
        ProblemType.EXPORT_TOO_LARGE,
    ),
    Exit.UNAVAILABLE: (
        ProblemType.TOO_MANY_REQUESTS,
        ProblemType.TOO_MANY_OWN_EXPORTS,
        ProblemType.TOO_MANY_EXPORTS,
        ProblemType.CREDENTIALS_UNAVAILABLE,
        ProblemType.POOL_BUSY,
        ProblemType.LOCKED,
        ProblemType.DATABASE_UNAVAILABLE,
        ProblemType.NOT_READY,
        ProblemType.AUDIT_LOG_UNAVAILABLE,
    ),
}


class Stopped(Exception):
    """The command ends with a message and an exit code."""

    def __init__(self, code: Exit, message: str) -> None:
        """Take the code and what to say."""
        super().__init__(message)
        self.code = code


def code_of(problem: Problem, *, begun: bool) -> Exit:
    """Return the exit code of a problem, before or after the first byte."""
    if begun:
        return Exit.FAILED
    return next((code for code, types in _CODES.items() if problem.type in types), Exit.FAILED)
