"""What contenders that exported the same table have in common with each other, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.interleaved import Result
from benchmarks.tables import MIB, figure, table

_HEADS = (
    *("contender", "wall s", "krow/s", "MB/s", "CPU s service", "client", "PostgreSQL"),
    *("peak RSS MiB", "first byte ms"),
)


def ratio(ours: Result, peer: Result) -> float | None:
    """Return how many times as fast ours is, by rows a second."""
    return ours.rate / peer.rate if ours.rate and peer.rate else None


def ours(results: Iterable[Result]) -> list[Result]:
    """Return the contenders that a service of this project serves."""
    return [result for result in results if result.ours]


def peers(results: Iterable[Result]) -> list[Result]:
    """Return the others."""
    return [result for result in results if not result.ours]


def shown(results: Sequence[Result]) -> str:
    """Show every contender's figures, who was left out, what some lose, and the ratios."""
    return "\n\n".join(
        [table(_HEADS, (_row(result) for result in results if result.runs)), *_remarks(results), _ratios(results)]
    )


def _row(result: Result) -> tuple[str, ...]:
    median, seconds = result.median, [run.seconds for run in result.runs]
    size = median["bytes"]
    return (
        result.name,
        f"{result.seconds:.2f} ({min(seconds):.2f}-{max(seconds):.2f})",
        figure(result.rate, 1000, 0),
        figure(size and size / result.seconds, 10**6, 0),
        figure(median["service_cpu"], 1, 2),
        figure(median["client_cpu"], 1, 2),
        figure(median["postgresql_cpu"], 1, 2),
        figure(median["peak"], MIB, 0),
        figure(median["first_byte"], 0.001, 0),
    )


def _remarks(results: Sequence[Result]) -> Iterator[str]:
    whole = max(result.rows for result in results)
    lines = [f"- {result.name} was left out: {result.left_out}" for result in results if result.left_out]
    lines += [
        f"- {result.name}: {result.rows:,} rows only, as it is slow; rates are compared."
        for result in results
        if result.runs and result.rows < whole
    ]
    most = max(len(result.runs) for result in results)
    lines += [f"- {result.name}: one round only." for result in results if len(result.runs) == 1 < most]
    lines += [f"- {result.name}: {result.loses}." for result in results if result.runs and result.loses]
    if lines:
        yield "\n".join(lines)


def _ratios(results: Sequence[Result]) -> str:
    """Show how many times as fast as each peer each of ours is."""
    mine = ours(results)
    rows = ((peer.name, *(figure(ratio(one, peer), 1, 2) for one in mine)) for peer in peers(results))
    return table(("rows a second, ours / peer", *(one.name for one in mine)), rows)
