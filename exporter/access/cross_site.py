"""Pages of other origins: a browser sends their requests with all that it knows of whoever sits in front of it."""

from collections.abc import Collection

from velithon.datastructures import Scope

from exporter.http.sites import follows_link, is_cross_site
from exporter.problems import Problem, ProblemType


def refuse_cross_site(scope: Scope, allowed: Collection[str], *, links: bool) -> None:
    """Refuse what a page of another origin had a browser ask, unless its origin is `allowed`.

    For callers without a token that a page would have to know: for nobody's, and for those with what a browser sends
    by itself, whoever has it ask (a cookie, what its dialogue for HTTP Basic was told). With `links`, somebody who goes
    to the address as a whole is let through.

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
