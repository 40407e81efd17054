"""On whose behalf a transaction reads."""

from dataclasses import dataclass

from queries.quoting import quoted

_NAME_BYTES = 63
"""A longer name is cut by the server (NAMEDATALEN), and might then be another role's."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The role that a transaction takes on, and what the policies of the database may ask about the caller."""

    role: str | None = None
    claims: str | None = None
    """A JSON object in ASCII, which `current_setting('request.jwt.claims')` gives: the name that PostgREST uses."""

    def __post_init__(self) -> None:
        if self.role is not None and not is_role(self.role):
            raise ValueError("expected the name of a role, of 1 to 63 bytes; none is not one")

    def statements(self) -> str:
        """Return the statements that begin to act, for the simple protocol; they end with the transaction.

        A role's own settings (ALTER ROLE … SET) do not come with it: https://www.postgresql.org/docs/current/sql-set-role.html
        """
        return self._claims() + self._role()

    def _claims(self) -> str:
        if self.claims is None:
            return ""
        # With escapes of its own the literal means the same whatever standard_conforming_strings is.
        text = self.claims.replace("\\", "\\\\").replace("'", "\\'")
        return f"SET LOCAL request.jwt.claims = E'{text}';\n"

    def _role(self) -> str:
        return "" if self.role is None else f"SET LOCAL ROLE {quoted(self.role)};\n"


def is_role(name: str) -> bool:
    """Return whether a role may have this name. `none` would not be taken on but laid down (SET ROLE, Description)."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return False
    return 0 < size <= _NAME_BYTES and "\0" not in name and name != "none"
