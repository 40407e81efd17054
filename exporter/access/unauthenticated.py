"""The response to an unauthenticated caller."""

from exporter.http.problems import HttpProblem
from exporter.problems import ProblemType


class Unauthenticated(HttpProblem):
    """Asks for credentials: browsers show their login dialog (RFC 7617), and programs learn of Bearer (RFC 6750)."""

    def __init__(self, *, given: bool) -> None:
        """Take whether credentials were given; if so, they are wrong, and the response does not say how."""
        detail = (
            "These credentials are wrong, expired or revoked. Ask the service's operator for new ones."
            if given
            else "Send a token as Authorization: Bearer TOKEN, or as the password of HTTP Basic (curl -u :TOKEN)."
        )
        bearer = 'Bearer realm="exporter"' + (', error="invalid_token"' if given else "")
        # One header field per scheme: some clients read only one challenge per field.
        challenges = ['Basic realm="exporter", charset="UTF-8"', bearer]
        headers = [("www-authenticate", challenge) for challenge in challenges]
        super().__init__(ProblemType.UNAUTHENTICATED, detail, headers=headers)
