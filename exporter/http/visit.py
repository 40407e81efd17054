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
    """What is known about a request; each step of its processing adds to it."""

    method: str
    path: str
    query_string: str
    """As received, decoded as Latin-1."""
    address: str
    """The client's; `-` if there is none, as on a Unix socket."""
    user_agent: str | None = None
    traceparent: str | None = None
    """The request's header, not validated."""
    who: str = "-"
    """The name of the principal; `-` if the caller was not authenticated."""
    dataset: Dataset | None = None
    """The requested dataset, once it is known that the principal may read it."""
    problem: ProblemType | None = None
    """The problem in the response, if any."""
    reason: str | None = None
    """Why the credentials were refused; quotes nothing of them."""
    export: UUID | None = None
    """The export that the request started."""
    ending: Mapping[str, Any] = field(default_factory=dict)
    """How that export ended."""


def begin(scope: "RsgiScope", trusted: Sequence[Network]) -> Visit:
    """Return the visit for a new request; `trusted` are the networks of trusted proxies."""
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

    A context variable would not work: Granian runs all requests of a worker in one context.
    """
    inner: Any = scope._scope  # noqa: SLF001 - Velithon's scope shows the fields of RSGI only
    visit: Visit = inner.visit
    return visit
