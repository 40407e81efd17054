"""Proxies as tests put them in front of the service, without TLS and as plain as may be."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.acceptance.service import Service, curl, free_port, until

_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr;
events {{}}
http {{
    access_log off;
    {places}
    server {{
        listen 127.0.0.1:{port};
        location {prefix}/ {{
            proxy_pass http://127.0.0.1:{behind}{path};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_next_upstream off;
            {more}
        }}
    }}
}}
"""
_HAPROXY = """
defaults
    mode http
    timeout connect 10s
    timeout client 60s
    timeout server 60s
frontend exports
    bind 127.0.0.1:{port}
    {more}
    default_backend exporter
backend exporter
    {check}
    server one 127.0.0.1:{behind}
"""


def program(name: str) -> str:
    """Return the path of a program; without it the test is skipped."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))
    return shutil.which(name, path=path) or pytest.skip(f"needs {name}")


@contextmanager
def nginx(service: Service, folder: Path, more: str = "", prefix: str = "") -> Iterator[str]:
    """Run nginx, and return the URL that it serves; it takes the prefix off what it passes on."""
    port, kinds = free_port(), ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    addresses = {"port": port, "behind": urlsplit(service.url).port, "prefix": prefix, "path": "/" if prefix else ""}
    written = folder / "nginx.conf"
    written.write_text(_NGINX.format(folder=folder, places=places, more=more, **addresses))
    command = [program("nginx"), "-p", str(folder), "-c", str(written), "-e", "stderr"]
    with _running(command, f"http://127.0.0.1:{port}{prefix}", folder) as url:
        yield url


@contextmanager
def haproxy(service: Service, folder: Path, more: str = "", check: str = "") -> Iterator[str]:
    """Run HAProxy, and return the URL that it serves; `check` is how it knows whether the service is up."""
    port, written = free_port(), folder / "haproxy.cfg"
    written.write_text(_HAPROXY.format(port=port, behind=urlsplit(service.url).port, more=more, check=check))
    with _running([program("haproxy"), "-db", "-f", str(written)], f"http://127.0.0.1:{port}", folder) as url:
        yield url


@contextmanager
def _running(command: list[str], url: str, folder: Path) -> Iterator[str]:
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            until(lambda: curl(f"{url}/healthz").status == 200)
            yield url
        finally:
            process.terminate()
