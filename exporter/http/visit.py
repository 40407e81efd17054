"""One request as the audit log and the metrics see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

from exporter.http.client_address import Network, client_address
from exporter.problems import ProblemType
from queries.dataset import Dataset

if TYPE_CHECKING:
    from velithon.datastructures import Scope

    from exporter.http.rsgi import RsgiScope


@dataclass(slots=True)
class Visit:
    """What is known of a request; each step on its way adds what it finds out."""

    method: str
    path: str
    query_string: str
    """As it came, in Latin-1."""
    address: str
    """The client's; `-` where there is none, on a Unix socket."""
    user_agent: str | None = None
    traceparent: str | None = None
    """The request's header, not yet checked."""
    who: str = "-"
    """The name of the principal; `-` where nobody was recognised."""
    dataset: Dataset | None = None
    """The dataset that was asked for, once it is known that the principal may read it."""
    problem: ProblemType | None = None
    """What it was answered with."""
    reason: str | None = None
    """Why its credentials were refused; nothing of what was sent."""
    export: UUID | None = None
    """The export that it began."""
    ending: Mapping[str, Any] = field(default_factory=dict)
    """How that export ended."""


def begin(scope: "RsgiScope", trusted: Sequence[Network]) -> Visit:
    """Return the visit of a new request; `trusted` are the networks of proxies."""
    return Visit(
        scope.method,
        scope.path,
        scope.query_string,
        client_address(cast("Scope", scope), trusted) or "-",
        scope.headers.get("user-agent"),
        scope.headers.get("traceparent"),
    )


def visit_of(scope: "Scope") -> Visit:
    """Return the visit that belongs to a request.

    Not a context variable: Granian runs all requests of a worker in one context, so they would overwrite each other's.
    """
    inner: Any = scope._scope  # noqa: SLF001 - Velithon's scope shows the fields of RSGI only
    visit: Visit = inner.visit
    return visit
