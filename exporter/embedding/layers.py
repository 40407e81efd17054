"""What stands between an exporter and the server: found behind `receive` and `send`.

A middleware passes functions on as `receive` and `send`. These refer to those that it was given, and so to the server.
"""

from collections.abc import Iterator
from functools import partial
from types import CellType, FunctionType, MethodType, ModuleType

_MOST = 100
"""Objects that are looked at for one request."""
_INNER = ("app", "application", "router", "routes")
"""How the names of variables end that lead into the application, away from the server."""
_SERVERS = ("uvicorn.", "hypercorn.", "daphne.", "asyncio.")
"""Modules of objects that are at the end: of these, the servers and the queues of their messages."""
_PLAIN = frozenset({str, bytes, bool, int, float, dict, list, tuple, set, frozenset, type, ModuleType, type(None)})
"""Types of what leads nowhere."""


def behind(*ends: object) -> Iterator[object]:
    """Yield what `receive` and `send` refer to, these first and the nearest next."""
    seen, known = list(ends), set(map(id, ends))
    for layer in seen:
        yield layer
        for name, found in _within(layer):
            if len(seen) < _MOST and id(found) not in known and not name.endswith(_INNER):
                known.add(id(found))
                seen.append(found)


def _within(layer: object) -> list[tuple[str, object]]:
    """Return what a layer refers to, by name: a function to its variables, a method to its object."""
    found: list[tuple[str, object]]
    if isinstance(layer, FunctionType):
        cells = zip(layer.__code__.co_freevars, layer.__closure__ or (), strict=True)
        found = [(name, cell.cell_contents) for name, cell in cells if _is_filled(cell)]
    elif isinstance(layer, MethodType):
        found = [("", layer.__self__)]
    elif isinstance(layer, partial):
        found = [("", layer.func), *(("", given) for given in layer.args), *layer.keywords.items()]
    else:
        found = [*vars(layer).items()] if _is_open(layer) else []
    return [(name, one) for name, one in found if type(one) not in _PLAIN]


def _is_open(layer: object) -> bool:
    return hasattr(layer, "__dict__") and not type(layer).__module__.startswith(_SERVERS)


def _is_filled(cell: CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - raises while a variable has no value
    except ValueError:
        return False
    return True
