"""The available formats: built-in ones and those of other distributions."""

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from formats import arrow, csv, ndjson, parquet
from formats.encoder import Format

ENTRY_POINT_GROUP = "exporter.formats"

BUILT_IN: tuple[Format, ...] = (csv.FORMAT, ndjson.FORMAT, parquet.FORMAT, arrow.FORMAT)


class PluginError(Exception):
    """A format of another distribution cannot be used; the message names the distribution."""


def load() -> Mapping[str, Format]:
    """Return every format by its extension: the built-in ones first, then plug-ins by the name of their entry point.

    An entry point of the group `exporter.formats` names a `Format`. Raises `PluginError` for one that cannot be
    imported, is something else, or takes an extension or a name that is already there.
    """
    formats = {format_.extension: format_ for format_ in BUILT_IN}
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        format_ = _loaded(entry_point)
        if format_.extension in formats or any(format_.name == other.name for other in formats.values()):
            raise PluginError(f"{_origin(entry_point)}: a format named {format_.name!r} (.{format_.extension}) exists")
        formats[format_.extension] = format_
    return formats


def _loaded(entry_point: EntryPoint) -> Format:
    try:
        format_ = entry_point.load()
    except Exception as error:
        raise PluginError(f"{_origin(entry_point)}: cannot be imported: {error!r}") from error
    if not isinstance(format_, Format):
        raise PluginError(f"{_origin(entry_point)}: {entry_point.value} is not a Format")
    return format_


def _origin(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist.name if entry_point.dist else "unknown distribution"
    return f"format {entry_point.name!r} of {distribution}"
