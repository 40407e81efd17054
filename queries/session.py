"""What applies to every transaction: output settings, time limits, and the search path."""

from dataclasses import dataclass

from queries.acting import Acting
from queries.output_settings import OUTPUT_SETTINGS
from queries.quoting import quoted

_LEAST_IDLE_SECONDS = 600
"""The shortest idle timeout: a transaction may wait for the service's work and for a slow reader."""

_BEGIN = """
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
{snapshot}
SET LOCAL synchronize_seqscans = off;
{writing}
SET LOCAL standard_conforming_strings = on;
SET LOCAL client_min_messages = error;
SET LOCAL statement_timeout = {statement_timeout};
SET LOCAL idle_in_transaction_session_timeout = {idle_timeout};
SET LOCAL lock_timeout = {lock_timeout};
SET LOCAL search_path = {search_path};
SET LOCAL application_name = '{name}';
{acting}
"""


@dataclass(frozen=True, slots=True)
class Session:
    """The limits of a transaction, in seconds (0 means none), and its search path."""

    statement_timeout: float
    """How long a statement may run, and a transaction may be idle, the latter for at least ten minutes."""
    lock_timeout: float
    """How long a statement may wait for a lock."""
    search_path: tuple[str, ...] = ("public",)

    def begin(self, name: str, statement_timeout: float | None, acting: Acting, snapshot: str | None) -> str:
        """Return the statements that begin a transaction; `BasePool.transaction` says what the arguments are."""
        seconds = self.statement_timeout if statement_timeout is None else statement_timeout
        # Temporary tables come last, or one could hide any other:
        # https://www.postgresql.org/docs/current/sql-createfunction.html#SQL-CREATEFUNCTION-SECURITY
        schemas = (*self.search_path, "pg_temp")
        return _BEGIN.format(
            writing="\n".join(f"SET LOCAL {name} = '{value}';" for name, value in OUTPUT_SETTINGS.items()),
            snapshot=f"SET TRANSACTION SNAPSHOT '{snapshot}';" if snapshot else "",
            statement_timeout=_milliseconds(seconds),
            idle_timeout=_milliseconds(max(seconds, _LEAST_IDLE_SECONDS) if seconds else 0),
            lock_timeout=_milliseconds(self.lock_timeout),
            search_path=", ".join(map(quoted, schemas)),
            name=name.replace("'", "''"),
            acting=acting.statements(),
        )


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000)) if seconds else 0
