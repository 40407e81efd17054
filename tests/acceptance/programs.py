"""Clients as their users run them: each stores an export in a file, and ends with 0 if it takes it for whole."""

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

Command = Callable[[str, Path], list[str]]

_READERS = {
    "urllib by lines": "for line in urllib.request.urlopen(url): target.write(line)",
    "urllib and csv": """
for row in csv.reader(map(bytes.decode, urllib.request.urlopen(url))): target.write(repr(row).encode())
""",
    "urllib and readlines": "target.writelines(urllib.request.urlopen(url).readlines())",
    "urllib by reads": "shutil.copyfileobj(urllib.request.urlopen(url), target)",
    "urllib at once": "target.write(urllib.request.urlopen(url).read())",
    "requests": "for part in requests.get(url, stream=True).iter_content(1 << 16): target.write(part)",
    "requests by lines": "for line in requests.get(url, stream=True).iter_lines(): target.write(line)",
    "httpx": """
with httpx.stream("GET", url, verify=ssl.create_default_context()) as answer:
    for part in answer.iter_bytes(): target.write(part)
""",
    "aiohttp": """
async def read():
    async with aiohttp.request("GET", url) as answer:
        async for part in answer.content.iter_any(): target.write(part)
asyncio.run(read())
""",
    "aiohttp by lines": """
async def read():
    async with aiohttp.request("GET", url) as answer:
        async for line in answer.content: target.write(line)
asyncio.run(read())
""",
}
"""How programs in Python read `url` into `target`."""

_MODULES = ("aiohttp", "asyncio", "csv", "httpx", "requests", "shutil", "ssl", "urllib.request")

AT_ONCE = ("urllib and readlines", "urllib at once")
"""Those that have the whole body in memory before they store any of it."""

BY_LINES = ("urllib by lines", "urllib and csv", "urllib and readlines")
"""Those that take a connection's end at the boundary of a chunk for the body's."""


def _python(reader: str) -> Command:
    used = ", ".join(["sys", *(module for module in _MODULES if f"{module}." in reader)])
    program = f"import {used}\nurl, target = sys.argv[1], open(sys.argv[2], 'wb', 0)\n{reader}"
    return lambda url, target: [sys.executable, "-c", program, url, str(target)]


def _curl(url: str, target: Path) -> list[str]:
    return ["curl", "-sSf", "--http1.1", "-o", str(target), url]


def _wget(url: str, target: Path) -> list[str]:
    return ["wget", "-nv", "--tries=1", "-O", str(target), url]


PROGRAMS: Mapping[str, Command] = {
    "curl": _curl,
    "wget": _wget,
    **{name: _python(reader) for name, reader in _READERS.items()},
}


def started(name: str, url: str, target: Path) -> "subprocess.Popen[bytes]":
    """Start a client; what it says is in its standard error."""
    return subprocess.Popen(PROGRAMS[name](url, target), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
