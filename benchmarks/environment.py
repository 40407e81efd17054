"""The environment of a service that is tested or measured."""

import os
from collections.abc import Mapping
from pathlib import Path

_HIDDEN = str(Path(__file__).with_name("hidden"))


def environment(settings: Mapping[str, object] = {}) -> dict[str, str]:
    """Return an environment with these settings and without the user's own."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("EXPORTER_")}
    path = os.pathsep.join(filter(None, (_HIDDEN, inherited.get("PYTHONPATH"))))
    return (
        inherited | {"PYTHONPATH": path} | {f"EXPORTER_{name.upper()}": str(value) for name, value in settings.items()}
    )
