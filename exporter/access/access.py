"""From a request to its principal."""

from velithon.requests import Request

from exporter.access.principal import ANONYMOUS, Principal


class Access:
    """Knows every way in which a caller may say who they are."""

    async def principal(self, request: Request) -> Principal:
        """Return who asks.

        Raises:
            Problem: the credentials are missing, wrong or revoked, or too many were tried.
        """
        return ANONYMOUS
