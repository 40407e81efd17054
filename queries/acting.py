"""The role and the claims that a transaction acts with."""

from dataclasses import dataclass

from queries.quoting import quoted

_NAME_BYTES = 63
"""The server truncates a longer name (NAMEDATALEN), which might then be the name of another role."""


@dataclass(frozen=True, slots=True)
class Acting:
    """The role that a transaction switches to, and the claims that the database's policies may ask for."""

    role: str | None = None
    claims: str | None = None
    """A JSON object in ASCII, available as `current_setting('request.jwt.claims')`, the name that PostgREST uses."""

    def __post_init__(self) -> None:
        if self.role is not None and not is_role(self.role):
            raise ValueError("expected the name of a role, 1 to 63 bytes long and not none")

    def statements(self) -> str:
        """Return the statements that switch to the role, for the simple protocol; the transaction's end undoes them.

        A role's own settings (ALTER ROLE … SET) are not applied: https://www.postgresql.org/docs/current/sql-set-role.html
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
    """Return whether this can be the name of a role. SET ROLE none would reset the role (SET ROLE, Description)."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can spell
        return False
    return 0 < size <= _NAME_BYTES and "\0" not in name and name != "none"
