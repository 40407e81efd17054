"""Rows a second and memory against the number of rows, as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.scenarios.memory import Export
from benchmarks.tables import MIB

NAME = "sizes.svg"


def draw(memory: Sequence[Export], folder: Path) -> None:
    """Write the picture into the folder: a line for each format."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    rates, growths = figure.subplots(1, 2)
    for extension in dict.fromkeys(one.extension for one in memory):
        sizes = [one for one in memory if one.extension == extension and one.at_scale_1]
        rows = [one.rows for one in sizes]
        rates.plot(rows, [one.rate / 1000 for one in sizes], marker="o", label=extension)
        growths.plot(rows, [one.growth / MIB for one in sizes], marker="o", label=extension)
    for axes, title in ((rates, "thousand rows a second"), (growths, "MiB of the worker over idle, at the peak")):
        axes.set(title=title, xlabel="rows", xscale="log", ylim=(0, None))
        axes.legend()
    figure.savefig(folder / NAME)
