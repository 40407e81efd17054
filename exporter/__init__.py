"""A streaming data-export service for PostgreSQL, and a library for other applications.

The names here are imported on first use, so that a command loads only what it needs.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from exporter.access.principal import Principal
    from exporter.embedding.exporter import Exporter
    from exporter.embedding.hooks import anyone, loopback
    from exporter.embedding.limits import Limits
    from exporter.exports.file import NotWritten, Written
    from exporter.exports.observers import Began, Ended, Observation, Origin, Progress
    from exporter.exports.run import Run
    from exporter.problems import Fault, Problem, ProblemType
    from queries.dataset import Dataset

__all__ = [
    "Began",
    "Dataset",
    "Ended",
    "Exporter",
    "Fault",
    "Limits",
    "NotWritten",
    "Observation",
    "Origin",
    "Principal",
    "Problem",
    "ProblemType",
    "Progress",
    "Run",
    "Written",
    "anyone",
    "loopback",
]

_MODULES = {
    "exporter.access.principal": ("Principal",),
    "exporter.embedding.exporter": ("Exporter",),
    "exporter.embedding.hooks": ("anyone", "loopback"),
    "exporter.embedding.limits": ("Limits",),
    "exporter.exports.file": ("NotWritten", "Written"),
    "exporter.exports.observers": ("Began", "Ended", "Observation", "Origin", "Progress"),
    "exporter.exports.run": ("Run",),
    "exporter.problems": ("Fault", "Problem", "ProblemType"),
    "queries.dataset": ("Dataset",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
