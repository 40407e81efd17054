"""What a request's HTTP version can carry."""

from velithon.datastructures import Scope

from exporter.http.rsgi import is_http_1_0
from exporter.problems import Problem, ProblemType


def refuse_without_chunks(scope: Scope) -> None:
    """Refuse to stream over HTTP/1.0.

    Without chunked coding (RFC 9112, section 7.1), a truncated body would look complete. Responses that
    are not streamed have a length, so any version can carry them.

    Raises:
        Problem: the request uses HTTP/1.0.
    """
    if is_http_1_0(scope.http_version):
        detail = "Use HTTP/1.1 or later; behind nginx, set proxy_http_version 1.1."
        raise Problem(ProblemType.HTTP_VERSION_NOT_SUPPORTED, detail)


def multiplexed(scope: Scope) -> bool:
    """Return whether a connection carries several bodies at once (HTTP/2)."""
    return not scope.http_version.startswith("1")
