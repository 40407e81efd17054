"""The soak's clients that are easily fooled: they take a connection's end for a body's, or join two bodies to one.

Whatever they take for whole is compared.
"""

import random
import shutil
import subprocess
import tempfile
import time
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

if TYPE_CHECKING:
    from benchmarks.chaos.clients import Clients

_TIMEOUT = 60.0
_EXTENSIONS = ("csv", "ndjson")


def by_lines(clients: "Clients", name: str, extension: str) -> None:
    """Read with urllib, line by line."""
    path, began = f"/datasets/{name}.{extension}", time.monotonic()
    try:
        with urlopen(f"http://127.0.0.1:{clients.port}{path}", timeout=_TIMEOUT) as found:
            status, body = found.status, b"".join(found)
    except HTTPError as error:
        with error:
            status, body = error.code, error.read()
    except (OSError, HTTPException) as error:
        clients.lost(path, began, error)
        return
    clients.judge(name, extension, status, body)


def wget(clients: "Clients", name: str, extension: str) -> None:
    """Have wget try up to three times."""
    path, began = f"/datasets/{name}.{extension}", time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "body")
        command = ["wget", "-nv", "--tries=3", "--waitretry=0", f"--timeout={_TIMEOUT:g}", "-O", str(target)]
        address = f"http://127.0.0.1:{clients.port}{path}"
        done = subprocess.run([*command, address], check=False, capture_output=True, text=True)
        if done.returncode == 0:
            clients.judge(name, extension, 200, target.read_bytes())
        elif "ERROR 503" in done.stderr or "ERROR 429" in done.stderr:
            clients.judge(name, extension, 503, b"")
        else:
            clients.lost(path, began, OSError(f"wget exits with {done.returncode}: {done.stderr}"))


def fooled(clients: "Clients", dice: random.Random) -> None:
    """Ask as one of them."""
    ways = (by_lines, wget) if shutil.which("wget") else (by_lines,)
    dice.choice(ways)(clients, dice.choice(("medium", "large")), dice.choice(_EXTENSIONS))
