"""Cross-site requests: a browser sends them with all the credentials that it has for the service."""

from collections.abc import Collection

from velithon.datastructures import Scope

from exporter.http.sites import follows_link, is_cross_site
from exporter.problems import Problem, ProblemType


def refuse_cross_site(scope: Scope, allowed: Collection[str], *, links: bool) -> None:
    """Refuse a request that a page of another origin made a browser send, unless its origin is `allowed`.

    For requests without a token that the page would have to know: anonymous ones, and those with credentials that a
    browser sends automatically (a cookie, HTTP Basic). With `links`, navigation to the URL is accepted.

    Raises:
        Problem: it is such a request.
    """
    if is_cross_site(scope, allowed) and not (links and follows_link(scope)):
        raise Problem(
            ProblemType.CROSS_SITE,
            "A page of another origin made your browser send this request. Start at the service's own page (/) "
            "instead, or ask its operator to allow the page's origin (EXPORTER_CORS_ORIGINS) or to give you a key that "
            "the page sends (Authorization: Bearer TOKEN).",
        )
