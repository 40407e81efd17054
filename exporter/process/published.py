"""The catalog as read by the workers' parent, which all workers serve, including those started later."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from pathlib import Path

from pydantic import TypeAdapter

from queries.catalog import Catalog
from queries.dataset import Dataset

_LOOK_SECONDS = 0.25
"""How often a worker looks for a new catalog, which takes a few microseconds."""
_MOST_NAMES = 20
_DATASETS = TypeAdapter(dict[str, Dataset])

log = logging.getLogger(__name__)


class Published:
    """A catalog, which a worker gets when it starts; later catalogs come through a file.

    A worker starts without the file, even if somebody has cleaned up the folder.
    """

    def __init__(self, path: Path, catalog: Catalog) -> None:
        """Take the file, in a folder that belongs to this service alone.

        Raises:
            OSError: it cannot be written.
        """
        self._path = path
        self.publish(catalog)

    def publish(self, catalog: Catalog) -> None:
        """Make all workers serve a catalog soon, and new workers from their start; all of it or nothing.

        Raises:
            OSError: the file cannot be written; nothing has changed.
        """
        # Leaves out what was not declared, because some defaults are not valid as declared values.
        document = _DATASETS.dump_json(dict(catalog), exclude_unset=True, exclude={"__all__": {"path"}})
        beside = self._path.with_suffix(".new")
        beside.write_bytes(document)
        beside.replace(self._path)
        self._document = document

    def catalog(self) -> Catalog:
        """Return the catalog that was published last, or before this copy was made, without the paths of its files."""
        return _DATASETS.validate_json(self._document)

    async def follow(self, serve: Callable[[Catalog], None], threads: Executor) -> None:
        """Call `serve` with each new catalog, forever; `threads` read it."""
        seen: tuple[int, int] | None = None
        while True:
            state = self._state()
            if state not in (None, seen):
                await self._look(serve, threads)
                seen = state
            await asyncio.sleep(_LOOK_SECONDS)

    async def _look(self, serve: Callable[[Catalog], None], threads: Executor) -> None:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(threads, self._path.read_bytes)
            if found != self._document:
                serve(await loop.run_in_executor(threads, _DATASETS.validate_json, found))
                self._document = found
        except (OSError, ValueError):
            log.exception("the published datasets could not be loaded")

    def _state(self) -> tuple[int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns


def changes(before: Catalog, after: Catalog) -> Mapping[str, str]:
    """Return the names of added, removed and changed datasets for the log, without empty groups."""
    found = {
        "added": after.keys() - before.keys(),
        "removed": before.keys() - after.keys(),
        "changed": {name for name in after.keys() & before.keys() if after[name] != before[name]},
    }
    return {what: _shown(sorted(names)) for what, names in found.items() if names}


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more
