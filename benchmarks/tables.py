"""Tables in Markdown."""

from collections.abc import Iterable, Sequence

MIB = 2**20


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Lay out a table; all columns but the first are figures."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def figure(value: float | None, unit: float = 1, digits: int = 1) -> str:
    """Show a value in a unit; `-` where it is not known."""
    return "-" if value is None else f"{value / unit:,.{digits}f}"
