"""What was asked for on the command line, and which names are parameters and which options."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from exporter.commands.exits import Exit, Stopped
from exporter.commands.exporting.document import Values
from exporter.exports.compression import FILES, Compression

DEFAULT_FORMAT = "csv"


@dataclass(frozen=True, slots=True)
class Asked:
    """An export as it was asked for."""

    name: str
    format: str | None
    output: str | None
    own: Values
    """The command's own options that are options of every export."""
    params: list[str]
    """Each `NAME=VALUE`, a parameter of the dataset."""
    options: list[str]
    """Each `NAME=VALUE`, an option of the export."""
    given: Values
    """Every other option: a parameter if the dataset has one of the name, else an option of the export."""

    @property
    def target(self) -> Path | None:
        """The name of the file, before its template is filled in; None for standard output."""
        return Path(self.output) if self.output not in (None, "-") else None

    def extension(self, known: Collection[str]) -> str:
        """Return the extension of the format: what was said, or else that of the file, of those that are known.

        Raises:
            Stopped: there is no such format.
        """
        suffix, _ = self._ending()
        if self.format is None:
            return suffix if suffix in known else DEFAULT_FORMAT
        if self.format not in known:
            raise Stopped(Exit.UNKNOWN, f"--format {self.format}: expected one of {', '.join(known)}")
        return self.format

    def split(self, parameters: Collection[str], *, compressible: bool) -> tuple[Values, Values]:
        """Return the arguments and the options, as texts.

        A file that is called `.gz` or `.zst` is compressed, where the format does not compress by itself.

        Raises:
            Stopped: one of `--param` or `--option` has no value.
        """
        arguments, options = _pairs("--param", self.params), self.own | _pairs("--option", self.options)
        for name, values in self.given.items():
            spelt = name.replace("-", "_")
            into = arguments if spelt in parameters else options
            into[spelt] = [*into.get(spelt, []), *values]
        _, compression = self._ending()
        if compression and compressible:
            options.setdefault("compression", [compression])
        return arguments, options

    def _ending(self) -> tuple[str, Compression | None]:
        """Return the extension of the file, and as what it is compressed."""
        if self.target is None:
            return "", None
        name = self.target.name
        for compression, (suffix, _) in FILES.items():
            if name.endswith(suffix):
                return Path(name.removesuffix(suffix)).suffix[1:], compression
        return Path(name).suffix[1:], None


def _pairs(option: str, texts: Iterable[str]) -> Values:
    found: Values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Stopped(Exit.USAGE, f"{option} {text}: expected NAME=VALUE")
        found.setdefault(name.replace("-", "_"), []).append(value)
    return found
