"""The guard around every request: it sends exactly one response and raises nothing."""

import logging
from collections.abc import Awaitable, Callable

from velithon.datastructures import Protocol, Scope
from velithon.requests import Request
from velithon.responses import Response

from exporter.http.disconnection import Disconnected
from exporter.http.problems import HttpProblem
from exporter.http.problems import response as response_of
from exporter.http.visit import visit_of
from exporter.problems import Problem, ProblemType

log = logging.getLogger(__name__)

Answer = Callable[[Request], Awaitable[Response]]


class Endpoint:
    """An RSGI application for one resource. It never raises, because Velithon's router would run it again."""

    def __init__(self, answer: Answer, methods: tuple[str, ...] | None = ("GET", "HEAD")) -> None:
        """Take the function that answers, and the allowed methods; None allows all, where the host has checked them."""
        self._answer = answer
        self._methods = methods

    async def __call__(self, scope: Scope, protocol: Protocol) -> None:
        """Answer one request."""
        try:
            response = await self._response(Request(scope, protocol))
        except Disconnected:
            return
        try:
            await response(scope, protocol)
        except Exception:
            log.exception("answering %s %s failed", scope.method, scope.path)
            await _internal_error(scope)(scope, protocol)

    async def _response(self, request: Request) -> Response:
        try:
            self._check_method(request.method)
            return await self._answer(request)
        except Problem as problem:
            visit_of(request.scope).problem = problem.type
            return response_of(problem)
        except Disconnected:
            raise
        except Exception:
            log.exception("%s %s failed", request.method, request.scope.path)
            return _internal_error(request.scope)

    def _check_method(self, method: str) -> None:
        if self._methods is not None and method not in self._methods:
            raise HttpProblem(
                ProblemType.METHOD_NOT_ALLOWED,
                f"Use {' or '.join(self._methods)}.",
                headers=[("allow", ", ".join(self._methods))],
            )


def _internal_error(scope: Scope) -> Response:
    visit_of(scope).problem = ProblemType.INTERNAL_ERROR
    return response_of(Problem(ProblemType.INTERNAL_ERROR, "The service's log has the reason."))


async def nothing_here(request: Request) -> Response:
    """Answer a path without a route."""
    raise Problem(ProblemType.NOT_FOUND, "GET /datasets lists the available datasets.")
