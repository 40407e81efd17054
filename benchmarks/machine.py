"""What the figures were measured on, and with."""

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from benchmarks.programs import psql

_PACKAGES = (
    *("velithon-exporter", "velithon", "granian", "uvloop", "asyncpg", "pyarrow"),
    *("duckdb", "duckdb-extension-postgres-scanner", "connectorx", "adbc-driver-postgresql", "polars"),
    *("fastapi", "uvicorn", "orjson", "tpchgen-cli"),
)


def described() -> dict[str, str | int | float]:
    """Describe the machine, and how busy it is before the benchmark adds to it."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "system": platform.platform(),
        "load_before": round(psutil.getloadavg()[0], 2),
    }


def versions() -> dict[str, str | None]:
    """Return the versions of all that takes part, PostgreSQL's aside; `None` for what is not installed."""
    return {
        "commit": _first_line("git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"),
        "python": platform.python_version(),
        "psql": _number(psql("")[0], "--version"),
        "curl": _number("curl", "--version"),
        **{name: _installed(name) for name in _PACKAGES},
    }


def _cpu_model() -> str:
    models = Path("/proc/cpuinfo")
    lines = models.read_text().splitlines() if models.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _first_line(*command: str) -> str | None:
    try:
        done = subprocess.run(command, capture_output=True, check=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.partition("\n")[0]


def _number(*command: str) -> str | None:
    found = re.search(r"\d+(\.\d+)+", _first_line(*command) or "")
    return found and found[0]


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
