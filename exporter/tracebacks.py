"""Tracebacks without exception messages, which may quote values of rows or arguments."""

from collections.abc import Iterator
from traceback import format_tb


def trace(error: BaseException) -> str:
    """Return where an exception and its causes were raised, the first cause first, with the type of each."""
    return "\n".join(
        f"{''.join(format_tb(one.__traceback__))}{type(one).__module__}.{type(one).__qualname__}"
        for one in reversed(list(_chain(error, set())))
    )


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, BaseExceptionGroup):
            for part in error.exceptions:
                yield from _chain(part, seen)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
