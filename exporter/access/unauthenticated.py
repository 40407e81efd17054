"""The answer to a caller whom nobody knows."""

from exporter.http.problems import HttpProblem
from exporter.problems import ProblemType


class Unauthenticated(HttpProblem):
    """Asks for credentials: a browser then shows its dialogue (RFC 7617), and programs learn of Bearer (RFC 6750)."""

    def __init__(self, *, given: bool) -> None:
        """Take whether credentials were given, which then were wrong; nothing tells what about them was."""
        detail = (
            "These credentials are wrong, expired or revoked. Ask the service's operator for new ones."
            if given
            else "Send a token as Authorization: Bearer TOKEN, or as the password of HTTP Basic (curl -u :TOKEN)."
        )
        bearer = 'Bearer realm="exporter"' + (', error="invalid_token"' if given else "")
        # A field for each scheme: some clients read one challenge a field.
        challenges = ['Basic realm="exporter", charset="UTF-8"', bearer]
        headers = [("www-authenticate", challenge) for challenge in challenges]
        super().__init__(ProblemType.UNAUTHENTICATED, detail, headers=headers)
